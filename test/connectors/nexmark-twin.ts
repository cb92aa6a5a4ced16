/**
 * The Nexmark generator once more, in plain TypeScript with big integers, straight from the rules (benchmarks.md 2b) and from the way
 * `kernels/assembly/nexmark.ts` says draws are numbered: the kernel must give the very same values.
 */
import { nexmarkKey } from "../../src/connectors/nexmark/nexmark-schema.ts";

const U64 = (1n << 64n) - 1n;
const GOLDEN = 0x9e3779b97f4a7c15n;

export interface TwinParameters {
  readonly seed: number;
  readonly startMs: bigint;
  readonly rate: bigint;
  readonly group: bigint;
}

function mix(value: bigint): bigint {
  let z = value & U64;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & U64;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & U64;
  return z ^ (z >> 31n);
}

class Draws {
  readonly s: bigint;
  constructor(s: bigint) {
    this.s = s;
  }
  bits(k: number): bigint {
    return mix(this.s + BigInt(k + 1) * GOLDEN);
  }
  /** 0 … n-1 from the high or the low half of draw k. */
  pick(k: number, half: "high" | "low", n: bigint | number): bigint {
    const bits = this.bits(k);
    return ((half === "high" ? bits >> 32n : bits & 0xffffffffn) * BigInt(n)) >> 32n;
  }
  number(k: number, half: "high" | "low", n: number): number {
    return Number(this.pick(k, half, n));
  }
  text(k: number, length: number, special: string): string {
    let text = "";
    for (let i = 0; i < length; i++)
      text += this.pick(k + i, "high", 13) === 0n ? special : String.fromCharCode(97 + this.number(k + i, "low", 26));
    return text;
  }
  letters(length: number): string {
    let text = "";
    for (let i = 0; i < length; i++) {
      const byte = Number((this.bits(192 + Math.floor(i / 8)) >> BigInt(8 * (i % 8))) & 0xffn);
      text += String.fromCharCode(97 + Math.floor((byte * 26) / 256));
    }
    return text;
  }
  price(k: number, half: "high" | "low"): bigint {
    const bits = half === "high" ? this.bits(k) >> 32n : this.bits(k) & 0xffffffffn;
    const decade = (bits * 6n) >> 32n;
    const within = (bits * 6n) & 0xffffffffn;
    const knot = (i: bigint): bigint => BigInt(Math.round(10 ** (Number(i) / 256) * 2 ** 24));
    const i = within >> 24n;
    const mantissa = knot(i) + (((knot(i + 1n) - knot(i)) * ((within >> 8n) & 0xffffn)) >> 16n);
    return (mantissa * 100n * 10n ** decade + (1n << 23n)) >> 24n;
  }
  extra(k: number, half: "high" | "low", used: number, average: number): string {
    if (used > average) return "";
    const rest = average - used;
    const delta = Math.round(rest * 0.2);
    return this.letters(rest - delta + (delta === 0 ? 0 : this.number(k, half, 2 * delta)));
  }
}

const FIRST = "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter".split(",");
const LAST = "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris".split(",");
const CITIES = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",");
const STATES = "AZ,CA,ID,OR,WA,WY".split(",");

export type TwinEvent = { readonly kind: "person" | "auction" | "bid"; readonly n: bigint; readonly row: (bigint | string)[] };

export function twinEvent(position: bigint, { seed, startMs, rate, group }: TwinParameters): TwinEvent {
  const n = (position / group) * group + ((position * 953n) % group);
  const draws = new Draws(mix(nexmarkKey(seed) + n * GOLDEN));
  const epoch = n / 50n;
  const r = n % 50n;
  const ms = (event: bigint): bigint => (event * 1000n) / rate;
  const micros = (startMs + ms(n)) * 1000n;
  const person = (k: number): bigint => {
    const active = epoch + 1n < 1000n ? epoch + 1n : 1000n;
    return epoch + 1n - active + draws.pick(k, "low", active + 10n);
  };
  if (r === 0n) {
    const name = `${FIRST[draws.number(0, "high", 11)]} ${LAST[draws.number(0, "low", 9)]}`;
    const [user, host] = [3 + draws.number(1, "high", 4), 3 + draws.number(1, "low", 2)];
    const mailLetters = Array.from({ length: user + host }, (_, i) => String.fromCharCode(97 + draws.number(128 + i, "low", 26))).join("");
    const mail = `${mailLetters.slice(0, user)}@${mailLetters.slice(user)}.com`;
    const groups: [number, "high" | "low"][] = [
      [2, "high"],
      [2, "low"],
      [3, "high"],
      [3, "low"],
    ];
    const card = groups.map(([k, half]) => String(draws.number(k, half, 10000)).padStart(4, "0")).join(" ");
    const city = CITIES[draws.number(4, "high", 10)]!;
    const state = STATES[draws.number(4, "low", 6)]!;
    const extra = draws.extra(5, "high", 8 + name.length + mail.length + card.length + city.length + state.length, 200);
    return { kind: "person", n, row: [1000n + epoch, name, mail, card, city, state, micros, extra] };
  }
  if (r <= 3n) {
    const name = draws.text(128, 3 + draws.number(0, "high", 17), " ");
    const description = draws.text(16, 3 + draws.number(0, "low", 97), " ");
    const initial = draws.price(1, "high");
    const reserve = initial + draws.price(1, "low");
    const horizon = ms(n + 1666n) - ms(n);
    const expires = micros + (1n + draws.pick(4, "high", horizon * 2n > 1n ? horizon * 2n : 1n)) * 1000n;
    const seller = 1000n + (draws.pick(2, "high", 4) > 0n ? (epoch / 100n) * 100n : person(2));
    const category = 10n + draws.pick(3, "high", 5);
    const extra = draws.extra(3, "low", 56 + name.length + description.length, 500);
    const id = 1000n + epoch * 3n + r - 1n;
    return { kind: "auction", n, row: [id, name, description, initial, reserve, micros, expires, seller, category, extra] };
  }
  const last = epoch * 3n + 2n;
  const least = last > 100n ? last - 100n : 0n;
  const auction = 1000n + (draws.pick(0, "high", 2) > 0n ? (last / 100n) * 100n : least + draws.pick(0, "low", last - least + 11n));
  const bidder = 1000n + (draws.pick(1, "high", 4) > 0n ? (epoch / 100n) * 100n + 1n : person(1));
  const isHot = draws.pick(2, "low", 2) > 0n;
  const channel = isHot ? 10000 + draws.number(3, "high", 4) : draws.number(3, "high", 10000);
  const name = isHot ? ["Google", "Facebook", "Baidu", "Apple"][channel - 10000]! : `channel-${channel}`;
  const row = [auction, bidder, draws.price(2, "high"), name, url(seed, channel), micros, draws.extra(3, "low", 32, 100)];
  return { kind: "bid", n, row };
}

function url(seed: number, channel: number): string {
  const draws = new Draws(mix((nexmarkKey(seed) ^ 0x6368616e6e656c73n) + BigInt(channel) * GOLDEN));
  const folders = [0, 1, 2].map((folder) => draws.text(16 + folder * 5, 5, "_")).join("/");
  const base = `https://www.nexmark.com/${folders}/item.htm?query=1`;
  if (channel >= 10000 || draws.pick(0, "high", 10) === 0n) return base;
  const reversed = Number.parseInt(channel.toString(2).padStart(32, "0").split("").reverse().join(""), 2) | 0;
  return `${base}&channel_id=${reversed === -(2 ** 31) ? reversed : Math.abs(reversed)}`;
}
