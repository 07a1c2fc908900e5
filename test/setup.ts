import { afterEach, expect } from 'vitest'

// A prototype that code under test managed to change would hide in every later test.
const prototypeKeys = Reflect.ownKeys(Object.prototype).length

afterEach(() => {
  expect(Reflect.ownKeys(Object.prototype).length, 'Object.prototype was changed').toBe(
    prototypeKeys,
  )
})
