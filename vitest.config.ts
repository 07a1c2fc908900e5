import { defineConfig } from 'vitest/config'

const suite = (name: string, include: string[], options: object = {}) => ({
  test: { name, include, setupFiles: ['test/setup.ts'], ...options },
})

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      suite('unit', ['test/**/*.test.ts'], {
        exclude: ['acceptance', 'corpora', 'services', 'simulation'].map(
          (name) => `test/${name}/**`,
        ),
        testTimeout: 20_000,
      }),
      suite('acceptance', ['test/acceptance/**/*.test.ts'], {
        testTimeout: 120_000,
        hookTimeout: 60_000,
      }),
      suite('corpora', ['test/corpora/**/*.test.ts'], { testTimeout: 120_000 }),
      suite('simulation', ['test/simulation/**/*.test.ts'], { testTimeout: 1_200_000 }),
      suite('services', ['test/services/**/*.test.ts'], {
        testTimeout: 300_000,
        hookTimeout: 300_000,
      }),
    ],
  },
})
