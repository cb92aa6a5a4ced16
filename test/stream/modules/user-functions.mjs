/** A module of user functions, as workers import it (`user-functions.test.ts`). */
export const plusOne = (value) => value + 1;
export const greet = (name, times) => (name === null ? null : `hello ${name} `.repeat(Number(times)).trim());
export const throwsOnFour = (value) => {
  if (value === 4) throw new RangeError("four is too much");
  return value;
};
export const later = (value) => Promise.resolve(value);
export async function declaredAsync(value) {
  return value;
}
export const leaves = () => process.exit(3);
export const loops = () => {
  for (;;);
};
export const notAFunction = 1;
