/**
 * Keys from dictionaries: a table in front of a flat table in which a row is found by the words of its keys alone, texts by where they lie
 * and not by their bytes. In generated code, where all text keys of a block are entries of dictionaries (BLOCK_COLUMN_DICTIONARY). Main thread,
 * while a stage is compiled.
 */
import { DICTIONARY_ENTRIES_MAX, FLAT_MEMO } from "../columnar/memory-layout.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { distinguishing, type KeyLocals, MULTIPLIERS, pushBits } from "./flat-table.ts";
import type { ModuleContext } from "./module-context.ts";

/** An entry of the memo, all ones if it is free (no text lies there): row u32, null bits of the keys u32, then the keys, i64 each. */
const ENTRY_NULLS = 4;
const ENTRY_KEYS = 8;
const ENTRIES_LOG2 = Math.log2(DICTIONARY_ENTRIES_MAX);
/** With more keys the entries are large, and rows that share one are few. */
const KEYS_MAX = MULTIPLIERS.length;

/**
 * Emits `find`, which sets `row` to what the flat table at `table` has for the keys, 0 included, unless that is in the memo. The table is the
 * same for all rows of a block.
 */
export function emitFindByDictionary(
  f: FunctionBuilder,
  module: ModuleContext,
  table: Local,
  { nulls, keys }: KeyLocals,
  row: Local,
  find: () => void,
): void {
  const words = distinguishing(keys);
  const texts = words.filter(({ field }) => field.isVariable);
  if (texts.length === 0 || words.length > KEYS_MAX || texts.some(({ dictionary }) => !dictionary)) return find();
  const dictionaries = texts.map(({ dictionary }) => dictionary!);
  const entryBytes = ENTRY_KEYS + 8 * words.length;
  const [isOpen, memo, entry] = [f.local("i32"), f.local("i32"), f.local("i32")];

  const open = (): void => {
    f.i32(1);
    f.set(isOpen);
    pushCommon(f, dictionaries);
    f.if(() => {
      f.get(table);
      f.get(dictionaries[0]!);
      f.i32(entryBytes * DICTIONARY_ENTRIES_MAX);
      f.call(module.kernel("flat_memo", ["i32", "i32", "i32"], ["i32"]));
      f.op("i32.eqz");
      f.if(() => {
        f.i32(1);
        f.op("return");
      });
      f.get(table);
      f.memory("i32.load", FLAT_MEMO);
      f.set(memo);
    });
  };
  const pushKey = (local: Local): void => {
    f.get(local);
    pushBits(f, local);
  };
  const pushEntry = (): void => {
    f.get(memo);
    words.forEach(({ local }, i) => {
      pushKey(local);
      f.i64(MULTIPLIERS[i]!);
      f.op("i64.mul");
      if (i > 0) f.op("i64.add");
    });
    f.i64(64 - ENTRIES_LOG2);
    f.op("i64.shr_u", "i32.wrap_i64");
    f.i32(entryBytes);
    f.op("i32.mul", "i32.add");
  };
  const pushNulls = (): void => {
    if (!nulls) return f.i32(0);
    f.get(nulls);
    f.op("i32.wrap_i64");
  };
  const pushIsKnown = (): void => {
    f.get(entry);
    f.memory("i32.load", ENTRY_NULLS);
    pushNulls();
    f.op("i32.eq");
    words.forEach(({ local }, i) => {
      f.get(entry);
      f.memory("i64.load", ENTRY_KEYS + 8 * i);
      pushKey(local);
      f.op("i64.eq", "i32.and");
    });
  };

  f.get(isOpen);
  f.op("i32.eqz");
  f.if(open);
  f.block((known) => {
    f.get(memo);
    f.if(() => {
      pushEntry();
      f.set(entry);
      f.get(entry);
      f.memory("i32.load");
      f.set(row);
      pushIsKnown();
      f.brIf(known);
    });
    find();
    f.get(memo);
    f.if(() => {
      f.get(entry);
      f.get(row);
      f.memory("i32.store");
      f.get(entry);
      pushNulls();
      f.memory("i32.store", ENTRY_NULLS);
      words.forEach(({ local }, i) => {
        f.get(entry);
        pushKey(local);
        f.memory("i64.store", ENTRY_KEYS + 8 * i);
      });
    });
  });
}

/** Pushes 1 if all columns have the same number, and have one. */
function pushCommon(f: FunctionBuilder, [first, ...others]: readonly Local[]): void {
  f.get(first!);
  f.i32(0);
  f.op("i32.ne");
  for (const other of others) {
    f.get(first!);
    f.get(other);
    f.op("i32.eq", "i32.and");
  }
}
