/** Asks an admin API from a process of its own. */
import { type AdminTraffic, askAdmin } from '../ask-admin.ts'

const traffic: AdminTraffic = JSON.parse(process.argv[2] ?? '{}')
process.stdout.write(JSON.stringify(await askAdmin(traffic)))
