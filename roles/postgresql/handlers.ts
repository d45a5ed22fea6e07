// Names of the role's handlers. A pending handler is marked on the host by its name, so they must not change.

export const RELOAD = 'reload postgresql, restart if it must'
export const LOG_IN = 'log in as every role'
