import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { ensureAdminToken } from '../http/admin/admin-token.ts'
import { openTokenFile, readTokens, type TokenFile } from '../http/token-file.ts'
import type { NamedFile } from '../http/token-lines.ts'
import type { Clock } from '../ports/clock.ts'
import { HoldfastError } from '../ports/errors.ts'
import type { Log } from '../ports/log.ts'

/** Who may ask, by what he holds. */
export interface Tokens {
  /** Of the admin API. */
  readonly admin: TokenFile
  /** Of the mirror off loopback. Absent: `mirror.allow` alone admits there. */
  readonly mirror: TokenFile | undefined
  /** Why files as they are now are not taken. */
  failures(): readonly string[]
}

/** Opens the files of tokens; that of the admin API is made when it is not there. Rejects with `config-invalid` when one holds what is none. */
export async function openTokens(
  config: Config,
  parts: { readonly clock: Clock; readonly log: Log },
): Promise<Tokens> {
  await ensureAdminToken(config.admin.tokenFile)
  const [admin, mirror] = filesOf(config)
  const opened = {
    admin: openTokenFile(admin, parts),
    mirror: mirror && openTokenFile(mirror, parts),
  }
  return {
    ...opened,
    failures: () => [opened.admin, opened.mirror].flatMap(file => file?.failure() ?? []),
  }
}

/** What a start would refuse in a file of tokens. */
export interface TokenFault {
  readonly file: string
  readonly problem: string
  /** This user may not read it; that of the node may be able to. */
  readonly isDenied: boolean
}

/** Reads the files of tokens as a start would. One that is not there is made, or told by whoever looks for all files. */
export function findTokenFaults(config: Config): readonly TokenFault[] {
  return filesOf(config).flatMap(file => {
    if (file === undefined || !existsSync(file.path)) return []
    try {
      readTokens(file)
      return []
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      const isDenied = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES'
      return [{ file: file.path, problem: error.message, isDenied }]
    }
  })
}

function filesOf({ admin, mirror }: Config): readonly [NamedFile, NamedFile | undefined] {
  const { tokenFile: path } = mirror
  return [
    { key: 'admin.tokenFile', path: admin.tokenFile },
    path === undefined ? undefined : { key: 'mirror.tokenFile', path },
  ]
}
