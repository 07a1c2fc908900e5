/**
 * `npm run soak` runs every subject at its full size and keeps what came of it in result.json,
 * which is committed; `npm run soak -- simulation power-cut` runs those alone. A smaller run
 * (`--size 50`) goes into a file of its own (`--result FILE`), because it proves less.
 * Exit code 1 when a subject failed, 2 for wrong use.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readResult, writeResult } from './result.ts'
import { soak } from './soak.ts'
import { SUBJECTS } from './subjects.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const COMMITTED = join(import.meta.dirname, 'result.json')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string' }, result: { type: 'string' } },
})

const wrong = wrongUse()
if (wrong !== undefined) {
  console.error(wrong)
  process.exitCode = 2
} else {
  await runAll()
}

function wrongUse(): string | undefined {
  const names = SUBJECTS.map(({ name }) => name)
  const unknown = positionals.find((name) => !names.includes(name))
  if (unknown !== undefined) return `no subject "${unknown}"; there are: ${names.join(', ')}`
  if (values.size === undefined) return undefined
  if (!(Number(values.size) >= 1)) return `--size ${values.size}: expected a number from 1 on`
  const file = resolve(values.result ?? COMMITTED)
  if (file === COMMITTED) return '--size runs less than a soak: give --result FILE for its result'
  return undefined
}

async function runAll(): Promise<void> {
  const file = values.result === undefined ? COMMITTED : resolve(values.result)
  const chosen = SUBJECTS.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  )
  let failed = 0
  for (const subject of chosen) {
    const size = values.size === undefined ? subject.size.full : Number(values.size)
    console.log(
      `== ${subject.name}: ${size} ${subject.size.unit}, about ${minutesOf(subject, size)}`,
    )
    const result = await soak(ROOT, subject, size)
    writeResult(file, { ...readResult(file), [subject.name]: result })
    console.log(`== ${subject.name} ${result.verdict} in ${result.seconds} s: ${result.figures}`)
    if (result.verdict !== 'passed') failed++
  }
  console.log(`${chosen.length - failed} of ${chosen.length} subjects passed`)
  process.exitCode = failed > 0 ? 1 : 0
}

function minutesOf(subject: (typeof SUBJECTS)[number], size: number): string {
  const minutes = (subject.minutes * size) / subject.size.full
  return minutes < 1 ? 'a minute' : `${Math.ceil(minutes)} min`
}
