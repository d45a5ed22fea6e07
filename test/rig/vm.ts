/** Whether a test that boots machines under emulation is left out, and why: they take minutes, and first an image. */
export const skipVm: string | false =
  process.env['FMC_TEST_VM'] === '1'
    ? false
    : 'boots VMs under emulation, which takes up to half an hour: FMC_TEST_VM=1 runs it'
