import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, start, until } from './process.ts'

/** A real Prometheus that scrapes every second. */
export interface Prometheus {
  /** Asks a question; gives the values of all series that answer. Rejects with what is wrong with the question. */
  ask(expr: string): Promise<readonly PrometheusSample[]>
  stop(): Promise<void>
}

export interface PrometheusSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data?: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly value: readonly [number, string]
    }[]
  }
}

/** @param targets what is scraped, as `host:port` @param rules files of alert rules */
export async function startPrometheus(
  dir: string,
  { targets, rules }: { readonly targets: readonly string[]; readonly rules: readonly string[] },
): Promise<Prometheus> {
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rules,
    scrape_configs: [{ job_name: 'holdfast', static_configs: [{ targets }] }],
  }
  const file = join(dir, 'prometheus.json')
  await writeFile(file, JSON.stringify(config)) // JSON is YAML
  const address = `127.0.0.1:${await freePort()}`
  const running = start(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { cwd: dir },
  )
  const url = `http://${address}`
  await until('Prometheus is ready', async () =>
    fetch(`${url}/-/ready`).then(
      answer => answer.ok,
      () => false,
    ),
  )
  return {
    async ask(expr) {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expr)}`)
      const { status, error, data } = (await response.json()) as Answer
      if (status !== 'success') throw new Error(`${expr}: ${error}`)
      return (data?.result ?? []).map(({ metric, value }) => ({
        labels: metric,
        value: Number(value[1]),
      }))
    },
    stop: async () => void (await running.stop()),
  }
}
