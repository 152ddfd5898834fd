// The first peer: Fastify, API keys of better-auth, Prisma under row security.
// Must never filter by tenant itself: the row security of scene.sql does, as for every table of such a stack.
// Called by run.sh.
import { PrismaPg } from '@prisma/adapter-pg'
import { betterAuth } from 'better-auth'
import { prismaAdapter } from 'better-auth/adapters/prisma'
import { apiKey } from 'better-auth/plugins'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { PrismaClient } from './generated/client.ts'
import { onEachCore, setting } from './workers.ts'

// So that statements are parsed and planned once a connection.
const statements = new Map<string, string>()
function statementName({ sql }: { sql: string }): string {
    const name = statements.get(sql) ?? `prisma_${statements.size}`
    statements.set(sql, name)
    return name
}

const prisma = new PrismaClient({
    adapter: new PrismaPg(
        { connectionString: setting('PEER_DATABASE_URL'), max: Number(setting('PEER_POOL')) },
        { statementNameGenerator: statementName },
    ),
})

// Keys as this process found them, which it never asks the database for again: the most that a cache could save.
const kept = new Map<string, string>()
const memory = {
    get: async (name: string) => {
        if (!kept.has(name)) {
            const row = await prisma.apikey.findFirst({ where: { key: name.replace(/^api-key:/, '') } })
            if (row === null) return null
            kept.set(name, JSON.stringify(row))
        }
        return kept.get(name)
    },
    set: async (name: string, value: string) => void kept.set(name, value),
    delete: async (name: string) => void kept.delete(name),
}

const auth = betterAuth({
    baseURL: 'http://127.0.0.1',
    secret: setting('BETTER_AUTH_SECRET'),
    database: prismaAdapter(prisma, { provider: 'postgresql' }),
    plugins: [
        apiKey({
            enableMetadata: true,
            rateLimit: { enabled: true, timeWindow: 60_000, maxRequests: 2_000_000_000 },
            ...(process.env.PEER_KEYS === 'memory' && {
                storage: 'secondary-storage' as const,
                customStorage: memory,
                deferUpdates: true,
            }),
        }),
    ],
})

interface Key {
    userId: string
    metadata: { tenantId: string }
}

const keys = new WeakMap<FastifyRequest, Key>()

function verified(action: string) {
    return async (request: FastifyRequest, reply: FastifyReply) => {
        const key = request.headers['x-api-key']
        if (typeof key !== 'string') return reply.code(401).send({ code: 'unauthenticated' })
        const told = await auth.api.verifyApiKey({ body: { key, permissions: { contacts: [action] } } })
        if (!told.valid || told.key === null) return reply.code(401).send({ code: 'unauthenticated' })
        keys.set(request, told.key as unknown as Key)
    }
}

const text = { type: ['string', 'null'] }
const contact = {
    type: 'object',
    properties: {
        id: text, name: text, email: text, phone: text, stage: text, organizationId: text, ownerId: text, notes: text,
        custom: { type: 'object', additionalProperties: true }, externalId: text,
        createdAt: { type: 'string', format: 'date-time' }, updatedAt: { type: 'string', format: 'date-time' },
        archivedAt: { type: ['string', 'null'], format: 'date-time' },
    },
}

onEachCore(async () => {
    const app = Fastify({ logger: false })

    app.get<{ Querystring: { limit: number, count?: string } }>('/api/v1/contacts', {
        preHandler: verified('read'),
        schema: {
            querystring: {
                type: 'object',
                properties: { limit: { type: 'integer', minimum: 1, maximum: 100, default: 25 }, count: { enum: ['exact'] } },
            },
            response: {
                200: {
                    type: 'object',
                    properties: {
                        data: { type: 'array', items: contact },
                        meta: { type: 'object', properties: { total: { type: 'integer' } } },
                    },
                },
            },
        },
    }, async request => {
        const { tenantId } = keys.get(request)!.metadata
        const where = { archivedAt: null }
        const entered = prisma.$executeRaw`select set_config('peer.tenant_id', ${tenantId}, true)`
        const page = prisma.contact.findMany({
            where, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], take: request.query.limit, omit: { tenantId: true },
        })
        if (request.query.count === 'exact') {
            const [, data, total] = await prisma.$transaction([entered, page, prisma.contact.count({ where })])
            return { data, meta: { total } }
        }
        const [, data] = await prisma.$transaction([entered, page])
        return { data, meta: {} }
    })

    app.post<{ Body: { name: string, email?: string, phone?: string, stage?: string } }>('/api/v1/contacts', {
        preHandler: verified('create'),
        schema: {
            body: {
                type: 'object',
                required: ['name'],
                additionalProperties: false,
                properties: {
                    name: { type: 'string', minLength: 1 }, email: { type: 'string' }, phone: { type: 'string' },
                    stage: { enum: ['lead', 'qualified', 'won', 'lost'] },
                },
            },
            response: { 201: { type: 'object', properties: { data: contact } } },
        },
    }, async (request, reply) => {
        const { userId, metadata: { tenantId } } = keys.get(request)!
        const [, data] = await prisma.$transaction([
            prisma.$executeRaw`select set_config('peer.tenant_id', ${tenantId}, true)`,
            prisma.contact.create({ data: { ...request.body, tenantId, ownerId: userId }, omit: { tenantId: true } }),
        ])
        return reply.code(201).send({ data })
    })

    await app.listen({ host: '127.0.0.1', port: Number(setting('PEER_PORT')) })
})
