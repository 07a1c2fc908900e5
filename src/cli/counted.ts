/** A number with its noun: `1 rule`, `3 rules`. Only for nouns whose plural ends in -s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
