/** Puts load on a server from a process of its own. */
import { type Load, putLoad } from '../load.ts'

const load: Load = JSON.parse(process.argv[2] ?? '{}')
process.stdout.write(JSON.stringify(await putLoad(load)))
