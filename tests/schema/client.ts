// A client that nobody wrote: its types come from the served document, openapi-fetch does the rest.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './document.js';

const url = process.env.UCRM_URL;
const key = process.env.SCHEMA_OWNER_KEY;
const other = process.env.GLOBEX_OWNER_KEY;
assert(url && key && other);
const as = (credential: string) => createClient<paths>({
    baseUrl: url,
    headers: { 'x-api-key': credential },
    querySerializer: { array: { style: 'form', explode: false } },
});
const client = as(key);
type Contact = components['schemas']['contacts'];

async function check(name: string, work: () => Promise<void>): Promise<void> {
    try {
        await work();
        console.log(`ok - the generated client: ${name}`);
    } catch (error) {
        console.log(`not ok - the generated client: ${name}\n# ${String(error).replaceAll('\n', '\n# ')}`);
        process.exitCode = 1;
    }
}

let id = '';
let etag = '';

await check('creates', async () => {
    const { data, response } = await client.POST('/api/v1/contacts', { body: { name: 'Ada Lovelace', email: 'ada@example.org', stage: 'lead' } });
    assert.equal(response.status, 201);
    assert(data);
    // An object makes one row; a list would make many.
    const made = data.data;
    assert(!Array.isArray(made));
    const row: Contact = made;
    assert.equal(row.name, 'Ada Lovelace');
    // A whole row: its key cannot be missing.
    id = made.id;
    etag = response.headers.get('etag') ?? '';
    assert.equal(response.headers.get('location'), `/api/v1/contacts/${id}`);
});

await check('lists, filters, sorts and pages', async () => {
    await client.POST('/api/v1/contacts', { body: { name: 'Grace Hopper', stage: 'won' } });
    const { data } = await client.GET('/api/v1/contacts', {
        params: { query: { stage: 'in.(lead,won)', or: '(name.ilike.ada*,name.eq.Grace Hopper)', sort: ['-name'], fields: ['id', 'name'], page: 1, limit: 1 } },
    });
    assert(data);
    assert.deepEqual(data.meta, { total: 2, page: 1, limit: 1 });
    assert.deepEqual(data.data.map(row => Object.keys(row).sort()), [['id', 'name']]);
    assert.equal(data.data[0]?.name, 'Grace Hopper');
});

await check('reads', async () => {
    const { data, response } = await client.GET('/api/v1/contacts/{id}', { params: { path: { id } } });
    assert.equal(response.headers.get('etag'), etag);
    assert.equal(data?.data.email, 'ada@example.org');
});

await check('changes, and is told of a conflict', async () => {
    const change = { params: { path: { id }, header: { 'If-Match': etag } }, body: { stage: 'won' as const } };
    assert.equal((await client.PATCH('/api/v1/contacts/{id}', change)).data?.data.stage, 'won');
    const { error, response } = await client.PATCH('/api/v1/contacts/{id}', change);
    assert.equal(response.status, 412);
    assert.equal(error?.code, 'version_conflict');
});

await check('is told what is wrong, by field', async () => {
    // @ts-expect-error: no such stage, and the types know it.
    const { error, response } = await client.POST('/api/v1/contacts', { body: { name: 'X', stage: 'frozen' } });
    assert.equal(response.status, 422);
    assert(error && error.code === 'validation_failed');
    assert.deepEqual(error.errors?.map(fault => fault.field), ['stage']);
    // @ts-expect-error: a name is required.
    assert.equal((await client.POST('/api/v1/contacts', { body: { stage: 'won' } })).error?.code, 'validation_failed');
    assert.equal((await client.POST('/api/v1/contacts', { body: { name: 'X', tenant_id: id } })).error?.code, 'unknown_field');
});

await check('sees nothing of another workspace', async () => {
    const { error, response } = await as(other).GET('/api/v1/contacts/{id}', { params: { path: { id } } });
    assert.equal(response.status, 404);
    assert.equal(error?.code, 'not_found');
});

await check('deletes, once', async () => {
    assert.equal((await client.DELETE('/api/v1/contacts/{id}', { params: { path: { id } } })).response.status, 204);
    assert.equal((await client.DELETE('/api/v1/contacts/{id}', { params: { path: { id } } })).error?.code, 'not_found');
});

await check('asks who it is', async () => {
    const { data } = await client.GET('/api/v1/session');
    assert.equal(data?.data.role, 'owner');
    assert.equal(data.data.permissions['contacts']?.['read'], 'all');
});
