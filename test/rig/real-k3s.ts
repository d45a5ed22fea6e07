/** Why a test of the real K3s is left out; false: it runs. */
export const realK3sOrSkip: string | false =
  (process.env['FMC_TEST_K3S'] ?? '') !== ''
    ? false
    : 'needs the real K3s, which the lab cannot download here: FMC_TEST_K3S=/path/to/k3s runs it'

/** Whether labs run the real K3s. */
export const isRealK3s: boolean = realK3sOrSkip === false

/** Why a case is left out on the real K3s: only the double can play what it needs. false: it runs. */
export const onlyDouble = (what: string): string | false =>
  isRealK3s && `only the double can play this: ${what}`

/** A time limit of a test against K3s, from that with the double: the real one starts, elects and stops more slowly than the double. */
export const k3sTimeout = (withDouble: number): number => withDouble * (isRealK3s ? 3 : 1)

/** For tests of what runs in pods: a lab of the real K3s has no images. */
export const NEEDS_PODS = { skip: onlyDouble('pods that run without images') }
