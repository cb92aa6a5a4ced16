/** Which zone names mean UTC: zone-dependent functions are inlined for those only. */

const UTC_NAMES: ReadonlySet<string> = new Set(["UTC", "Etc/UTC", "Z", "GMT", "Etc/GMT", "+00:00", "UCT", "Etc/UCT"]);

/** Whether local time in the zone is UTC always. */
export const isUtc = (timeZone: string): boolean => UTC_NAMES.has(timeZone);
