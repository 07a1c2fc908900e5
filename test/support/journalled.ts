import { eachJournalled } from './each-journalled.ts'

/** Every record in the journal of a service's folder, in whatever partition, as parsed GELF. */
export function journalled<T>(folder: string): T[] {
  const found: T[] = []
  eachJournalled(folder, (record) => void found.push(record as T))
  return found
}
