import { LABELS } from '../shared/kubernetes/chart.ts'

/** Metadata of an object, with fmc's labels. */
export const metadata = (name: string, namespace?: string) => ({ name, namespace, labels: LABELS })
