import { duration } from '../duration.ts'
import { spanName, type Timeline } from '../timeline.ts'
import { waitingOf } from '../waiting.ts'
import { markup, NONE, type Html } from './escape.ts'

/** The critical path in words and as a table, in the order of time. */
export function pathPart(timeline: Timeline): Html[] {
  const waiting = waitingOf(timeline)
  if (!waiting) return []
  const { ms } = timeline
  const { steps, left, longest, host, hostMs } = waiting
  const share = (some: number): string => `${Math.round((some / ms) * 100)} %`
  return [
    markup`<p>
      The run waited most for <b>${{ text: host }}</b>:
      ${{ text: `${duration(hostMs)} of ${duration(ms)} (${share(hostMs)})` }}. The longest task on the
      critical path: <span class="t">${{ text: spanName(longest) }}</span> on
      ${{ text: `${longest.host}, ${duration(longest.to - longest.from)}` }}.
    </p>`,
    markup`<table>
      <thead>
        <tr>
          <th class="l o">after</th>
          <th class="l">host</th>
          <th class="l">the run waited for</th>
          <th>time</th>
          <th>share</th>
        </tr>
      </thead>
      <tbody>
        ${steps.map(
          step =>
            markup`<tr data-q>
              <td class="l o">${{ text: duration(step.from) }}</td>
              <td class="l w">${{ text: step.host }}</td>
              <td class="l">${{ text: step.what }}</td>
              <td>${{ text: duration(step.ms) }}</td>
              <td>${{ text: share(step.ms) }}</td>
            </tr>`,
        )}${
          left > 0
            ? markup`<tr>
                <td class="l o"></td>
                <td class="l"></td>
                <td class="l soft">everything else</td>
                <td>${{ text: duration(left) }}</td>
                <td>${{ text: share(left) }}</td>
              </tr>`
            : NONE
        }
      </tbody>
    </table>`,
  ]
}
