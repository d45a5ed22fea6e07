import { Kept } from './model.ts'

/** A whole number, as text where JavaScript cannot hold it exactly (beyond 2^53). */
export function exactInteger(value: bigint): number | Kept {
  const number = Number(value)
  return Number.isSafeInteger(number)
    ? number + 0
    : new Kept(String(value), 'JavaScript cannot hold this number exactly')
}

/** A floating-point number, as text where fmc's templates would show it otherwise than Ansible's: 1.0, 1e+20. */
export function exactFloat(value: number): number | Kept {
  const text = floatText(value)
  return !Number.isFinite(value) || text === String(value)
    ? value
    : new Kept(text, `JavaScript would show it as ${String(value)}`)
}

/**
 * A float as Python shows it: the shortest digits that give the same float, with an exponent below 1e-4 and from 1e16
 * (docs.python.org/3/library/functions.html#repr, PyOS_double_to_string).
 */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const [mantissa = '0', power = '0'] = Math.abs(value).toExponential().split('e')
  const digits = mantissa.replace('.', '')
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`
}
