/** What we use of snappyjs 0.7, which brings no types. A Buffer in gives a Buffer out. */
declare module 'snappyjs' {
  export function compress(bytes: Buffer): Buffer
  /** Throws when the block says that it is longer than `maxLength`, or is none. */
  export function uncompress(bytes: Buffer, maxLength?: number): Buffer
}
