/** Time windows in generated code: one round of the body per window that contains the row's time. Rows without a time are dropped. */
import type { Step } from "../plan/physical/program.ts";
import type { FunctionBuilder } from "./emitter.ts";
import { type CompiledValue, nullValue } from "./value.ts";
import type { StructType } from "../columnar/types.ts";

type ExpandWindow = Extract<Step, { kind: "expand_window" }>;

export function emitWindows(f: FunctionBuilder, step: ExpandWindow, time: CompiledValue, body: (window: CompiledValue) => void): void {
  const emit = (): void => {
    const last = lastWindowStart(f, step, time);
    if (step.paneMicros !== null) return body(paneValue(f, step, step.paneMicros, time, last));
    if (step.windowMicros === step.slideMicros) return body(windowValue(f, step, last));
    overlapping(f, step, time, last, body);
  };
  if (!time.isNull) return emit();
  time.isNull();
  f.op("i32.eqz");
  f.if(emit);
}

/**
 * Pushes nothing; returns a pusher of the start of the newest window at or before the time. Rows mostly come in order of time, so the
 * start of the row before is tried first: a division costs more than everything else here.
 */
function lastWindowStart(f: FunctionBuilder, step: ExpandWindow, time: CompiledValue): () => void {
  const start = f.local("i64");
  const known = f.local("i32");
  const { slideMicros, startMicros } = step;
  time.push();
  f.get(start);
  f.op("i64.sub");
  f.i64(slideMicros);
  f.op("i64.lt_u");
  f.get(known);
  f.op("i32.and", "i32.eqz");
  f.if(() => {
    pushStart(f, () => time.push(), slideMicros, startMicros);
    f.set(start);
    f.i32(1);
    f.set(known);
  });
  return () => f.get(start);
}

/** Pushes the newest time at or before the given one that is `startMicros` and a multiple of `micros`. */
function pushStart(f: FunctionBuilder, pushTime: () => void, micros: bigint, startMicros: bigint): void {
  f.scratch("i64", (remainder) => {
    pushTime();
    f.i64(startMicros);
    f.op("i64.sub");
    f.i64(micros);
    f.op("i64.rem_s");
    f.tee(remainder);
    f.i64(micros);
    f.i64(0);
    f.get(remainder);
    f.i64(0);
    f.op("i64.lt_s", "select", "i64.add");
    f.set(remainder);
    pushTime();
    f.get(remainder);
    f.op("i64.sub");
  });
}

/** Pushes 1 if all times from the least to the largest are in one window (where panes are counted: in one pane), of a step that gives a row one. */
export function pushInOneWindow(f: FunctionBuilder, step: ExpandWindow, pushLeast: () => void, pushLargest: () => void): void {
  const micros = step.paneMicros ?? step.slideMicros;
  const isWithin = (pushFrom: () => void): void => {
    pushLargest();
    pushFrom();
    f.op("i64.sub");
    f.i64(micros);
    f.op("i64.lt_u");
  };
  isWithin(pushLeast);
  isWithin(() => pushStart(f, pushLeast, micros, step.startMicros));
  f.op("i32.and");
}

function overlapping(
  f: FunctionBuilder,
  step: ExpandWindow,
  time: CompiledValue,
  last: () => void,
  body: (window: CompiledValue) => void,
): void {
  const { windowMicros, slideMicros } = step;
  const count = (windowMicros + slideMicros - 1n) / slideMicros;
  const start = f.local("i64");
  const left = f.local("i64");
  last();
  f.set(start);
  f.i64(count);
  f.set(left);
  f.block((done) => {
    f.loop((again) => {
      f.get(left);
      f.op("i64.eqz");
      f.brIf(done);
      const emit = (): void => body(windowValue(f, step, () => f.get(start)));
      if (windowMicros % slideMicros === 0n) emit();
      else {
        time.push();
        f.get(start);
        f.i64(windowMicros);
        f.op("i64.add", "i64.lt_s");
        f.if(emit);
      }
      f.get(start);
      f.i64(slideMicros);
      f.op("i64.sub");
      f.set(start);
      f.get(left);
      f.i64(1);
      f.op("i64.sub");
      f.set(left);
      f.br(again);
    });
  });
}

/** The key of the pane that contains the time: the pane's start and the end of the newest window. */
function paneValue(f: FunctionBuilder, step: ExpandWindow, paneMicros: bigint, time: CompiledValue, pushLast: () => void): CompiledValue {
  const { slideMicros, windowMicros } = step;
  if (paneMicros === slideMicros) return windowValue(f, step, pushLast);
  const start = f.local("i64");
  pushLast();
  time.push();
  pushLast();
  f.op("i64.sub");
  f.i64(paneMicros);
  f.op("i64.div_u");
  f.i64(paneMicros);
  f.op("i64.mul", "i64.add");
  f.set(start);
  return structOf(
    f,
    step,
    () => f.get(start),
    () => {
      pushLast();
      f.i64(windowMicros);
      f.op("i64.add");
    },
  );
}

function windowValue(f: FunctionBuilder, step: ExpandWindow, push: () => void): CompiledValue {
  return structOf(f, step, push, () => {
    push();
    f.i64(step.windowMicros);
    f.op("i64.add");
  });
}

function structOf(f: FunctionBuilder, step: ExpandWindow, pushFirst: () => void, pushEnd: () => void): CompiledValue {
  const dataType = step.window.dataType as StructType;
  const [start, end] = dataType.fields.map((field) => nullValue(f, field.dataType));
  return {
    dataType,
    physical: "struct",
    isNull: null,
    push: () => {},
    fields: [
      { ...start!, isNull: null, push: pushFirst },
      { ...end!, isNull: null, push: pushEnd },
    ],
  };
}
