// Loaded into every test process (.taprc). What a test starts shall run as it does for users: tap would load its hooks
// into every Node process below a test, which triples the time that fmc needs to start, and count its lines, too.
import processOnSpawn from 'process-on-spawn'

// A CI job that runs the tests must not change what fmc prints in them.
for (const name of ['GITHUB_ACTIONS', 'TF_BUILD', 'TEAMCITY_VERSION']) delete process.env[name]

processOnSpawn.addListener(started => {
  started.env = Object.fromEntries(
    Object.entries(started.env).filter(
      ([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('_TAPJS_PROCESSINFO_'),
    ),
  )
})
