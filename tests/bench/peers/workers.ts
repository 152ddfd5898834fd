// One process a core: how a peer is started and stopped.
// Must never outlive its parent, nor go on with fewer processes than it began with.
// Called by fastify.ts and postgraphile.ts.
import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'

export function onEachCore(start: () => Promise<void>): void {
    if (!cluster.isPrimary) {
        start().catch(error => {
            console.error(error)
            process.exit(1)
        })
        return
    }
    const stop = (): never => {
        for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
        process.exit(1)
    }
    for (let n = availableParallelism(); n > 0; n--) cluster.fork()
    cluster.on('exit', stop)
    process.on('SIGTERM', stop)
    // Whoever started us holds the other end.
    process.stdin.on('end', stop).resume()
}

export function setting(name: string): string {
    const value = process.env[name]
    if (value === undefined || value === '') throw new Error(`${name} is not set`)
    return value
}
