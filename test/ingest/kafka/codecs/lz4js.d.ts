/** What the tests use of lz4js 0.2, which brings no types. */
declare module 'lz4js' {
  export function compress(bytes: Uint8Array): Uint8Array
  export function decompress(bytes: Uint8Array, maxLength: number): Uint8Array
}
