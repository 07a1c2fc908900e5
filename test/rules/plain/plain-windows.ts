import type { WindowsFactory } from '../../../src/rules/windows/rule-windows.ts'
import { PlainMatch } from './plain-match.ts'
import { PlainThreshold } from './plain-threshold.ts'

/** Windows of plain maps, arrays and objects, which those of the engine must equal. */
export const plainWindowsOf: WindowsFactory = (options) =>
  options.rule.detector.kind === 'match' ? new PlainMatch(options) : new PlainThreshold(options)
