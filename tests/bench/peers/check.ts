// Whether the peers answer what UCRM answers, to the same keys, under row security of their own.
// Must never let a peer be measured that answers anything else.
// Called by run.sh before the measurement, with the number of tenants.
import assert from 'node:assert/strict'
import { created, list } from './operations.ts'
import { setting } from './workers.ts'

interface Page {
    ids: string[]
    total: number
}
type Reply = { status: number, body: any }
type Contact = { name: string, email: string }

const urls = {
    ucrm: setting('UCRM_URL'),
    fastify: setting('PEER_FASTIFY_URL'),
    kept: setting('PEER_KEPT_URL'),
    postgraphile: setting('PEER_GRAPHILE_URL'),
}

async function ask(url: string, key: string, body?: unknown): Promise<Reply> {
    const reply = await fetch(url, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { 'x-api-key': key, ...(body !== undefined && { 'content-type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
    })
    return { status: reply.status, body: await reply.json() }
}

const page = ({ status, body }: Reply): Page => {
    assert.equal(status, 200)
    return { ids: body.data.map((row: { id: string }) => row.id), total: body.meta.total }
}
const graphql = (key: string, query: string, variables: object) => ask(`${urls.postgraphile}/graphql`, key, { query, variables })

const listed = (url: string) => async (key: string) => page(await ask(`${url}/api/v1/contacts?limit=20&count=exact`, key))
const lists: Record<string, (key: string) => Promise<Page>> = {
    ucrm: listed(urls.ucrm),
    fastify: listed(urls.fastify),
    kept: listed(urls.kept),
    postgraphile: async key => {
        const { body: { data, errors } } = await graphql(key, list(true), {})
        assert.equal(errors, undefined)
        return { ids: data.allContacts.nodes.map((row: { rowId: string }) => row.rowId), total: data.allContacts.totalCount }
    },
}
const made = (url: string) => async (key: string, contact: Contact) => {
    const { status, body } = await ask(`${url}/api/v1/contacts`, key, contact)
    assert.equal(status, 201)
    return body.data.id
}
const creations: Record<string, (key: string, contact: Contact) => Promise<string>> = {
    fastify: made(urls.fastify),
    kept: made(urls.kept),
    postgraphile: async (key, contact) => {
        const { body: { data, errors } } = await graphql(key, created, { contact })
        assert.equal(errors, undefined)
        return data.createContact.contact.rowId
    },
}

const tenants = Number(process.argv[2])
for (const n of [1, Math.ceil(tenants / 2), tenants]) {
    const key = `bench-key-${n}`
    const others = `bench-key-${n === 1 ? 2 : 1}`
    const right = await lists.ucrm!(key)
    assert.equal(right.ids.length, 20)
    for (const [name, create] of Object.entries(creations)) {
        assert.deepEqual(await lists[name]!(key), right, `${name} lists what UCRM lists`)
        const id = await create(key, { name: 'Checked', email: 'checked@bench.example' })
        const after = await lists[name]!(key)
        assert.equal(after.ids[0], id, `${name} lists what it made`)
        assert.equal(after.total, right.total + 1)
        assert.ok(!(await lists[name]!(others)).ids.includes(id), `${name} shows it to nobody else`)
        // For the next peer, whose table it is too.
        right.ids = after.ids
        right.total = after.total
    }
}

for (const url of [urls.fastify, urls.kept]) {
    assert.equal((await ask(`${url}/api/v1/contacts?limit=20`, 'bench-key-0')).status, 401)
}
assert.notEqual((await graphql('bench-key-0', list(false), {})).body.errors, undefined)
const foreign = { name: 'Foreign', tenantId: 'b0000000-0000-7000-8000-000000000002' }
assert.notEqual((await graphql('bench-key-1', created, { contact: foreign })).body.errors, undefined)
console.log('the peers answer what UCRM answers')
