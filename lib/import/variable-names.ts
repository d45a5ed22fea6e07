import type { AnsibleInventory, Variable } from './model.ts'

/** fmc's names of Ansible's variables. */
export interface VariableNames {
  readonly kubespray: boolean
  /** The name of a variable that is not Ansible's own; a remark says when it changes. */
  readonly of: (name: string, variable: Variable) => string
}

/** What a variable or group is called when its own name means something to fmc. */
export const PREFIX = 'imported_'

interface Options {
  readonly kubespray: boolean
  /** On purpose: --map, and the variables of K3s that a known project sets. */
  readonly map: ReadonlyMap<string, string>
  /** Variable → the role of fmc that has one of that name. */
  readonly roles: ReadonlyMap<string, string>
}

/** A variable that is called like one of a role gets a prefix, so that no role takes it for its own by chance. */
export function variableNames(inventory: AnsibleInventory, options: Options): VariableNames {
  const said = new Set<Variable>()
  return {
    kubespray: options.kubespray,
    of: (name, variable) => {
      const mapped = options.map.get(name)
      const role = options.roles.get(name)
      const result = mapped ?? (role === undefined ? name : PREFIX + name)
      if (result !== name && !said.has(variable)) {
        said.add(variable)
        const why =
          mapped === undefined
            ? `, since fmc's role ${role ?? ''} has a variable of that name; if you mean that one: --map ${name}=${name}`
            : ''
        inventory.remark(variable, name, `the variable is called ${result} in fmc${why}`)
      }
      return result
    },
  }
}
