// The second peer: PostGraphile over the same tables, its settings per request, its keys verified by one prepared look-up.
// Must never filter by tenant itself: the row security of scene.sql does.
// Called by run.sh.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { Pool } from 'pg'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { onEachCore, setting } from './workers.ts'

const pool = new Pool({ connectionString: setting('PEER_DATABASE_URL'), max: Number(setting('PEER_POOL')) })

async function settings(key: string | string[] | undefined): Promise<Record<string, string>> {
    if (typeof key === 'string') {
        const digest = createHash('sha256').update(key).digest('base64url')
        const found = await pool.query({
            name: 'key',
            text: `select k."userId" as user_id, k.metadata::json ->> 'tenantId' as tenant_id from peer_auth.apikey as k
                where k.key = $1 and k.enabled and (k."expiresAt" is null or k."expiresAt" > now())`,
            values: [digest],
        })
        const row = found.rows[0]
        if (row) return { role: 'peer_member', 'peer.tenant_id': row.tenant_id, 'peer.user_id': row.user_id }
    }
    return { role: 'peer_nobody' }
}

const preset: GraphileConfig.Preset = {
    extends: [PostGraphileAmberPreset],
    pgServices: [makePgService({ pool, schemas: ['peer'] })],
    grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
    grafast: {
        explain: false,
        context: async ({ node }) => ({ pgSettings: await settings(node?.req.headers['x-api-key']) }),
    },
}

onEachCore(async () => {
    const server = createServer()
    await postgraphile(preset).createServ(grafserv).addTo(server)
    server.listen(Number(setting('PEER_PORT')), '127.0.0.1')
})
