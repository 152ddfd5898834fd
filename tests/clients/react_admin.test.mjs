// @raphiniert/ra-data-postgrest, as it is published: react-admin's data provider against /rest/v1.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRequire } from 'node:module';

// Its module files have no extensions; Node.js takes the other form.
const require = createRequire(import.meta.url);
const postgrest = require('@raphiniert/ra-data-postgrest').default;
const { fetchUtils } = require('ra-core');

const { REST_URL, AGENT_KEY } = process.env;
const provider = postgrest({
    apiUrl: REST_URL,
    httpClient: (url, options = {}) => {
        const headers = new Headers(options.headers ?? {});
        headers.set('apikey', AGENT_KEY);
        return fetchUtils.fetchJson(url, { ...options, headers });
    },
    defaultListOp: 'eq',
    primaryKeys: new Map(),
    schema: () => '',
});
const page = { pagination: { page: 1, perPage: 2 }, sort: { field: 'name', order: 'ASC' }, filter: {} };
const names = (rows) => rows.map((row) => row.name);
const made = [];

before(async () => {
    for (const name of ['Rosa', 'Sam', 'Tom']) {
        made.push((await provider.create('contacts', { data: { name, phone: 'ra' } })).data);
    }
});

after(async () => {
    await provider.deleteMany('contacts', { ids: made.map((row) => row.id) });
});

test('getList pages and counts', async () => {
    const first = await provider.getList('contacts', { ...page, filter: { phone: 'ra' } });
    assert.deepEqual([names(first.data), first.total], [['Rosa', 'Sam'], 3]);
    const second = await provider.getList('contacts', { ...page, pagination: { page: 2, perPage: 2 }, filter: { phone: 'ra' } });
    assert.deepEqual(names(second.data), ['Tom']);
    const found = await provider.getList('contacts', { ...page, filter: { 'name@ilike': 'sa', phone: 'ra' } });
    assert.deepEqual(names(found.data), ['Rosa', 'Sam'].filter((name) => /sa/i.test(name)));
    const either = await provider.getList('contacts', { ...page, filter: { '@or': { 'name@eq': 'Tom', 'name@like': 'Ros' } } });
    assert.deepEqual(names(either.data), ['Rosa', 'Tom']);
});

test('getOne, getMany, getManyReference', async () => {
    const [rosa, sam] = made;
    assert.equal((await provider.getOne('contacts', { id: rosa.id })).data.name, 'Rosa');
    await assert.rejects(provider.getOne('contacts', { id: '019a0000-0000-7000-8000-000000000000' }), { status: 406 });
    assert.deepEqual(names((await provider.getMany('contacts', { ids: [rosa.id, sam.id] })).data).sort(), ['Rosa', 'Sam']);
    const organization = (await provider.create('organizations', { data: { name: 'RA' } })).data;
    await provider.update('contacts', { id: rosa.id, data: { ...rosa, organization_id: organization.id }, previousData: rosa });
    const referring = await provider.getManyReference('contacts', { ...page, target: 'organization_id', id: organization.id });
    assert.deepEqual([names(referring.data), referring.total], [['Rosa'], 1]);
    const embedded = await provider.getOne('contacts', { id: rosa.id, meta: { embed: ['organizations'] } });
    assert.equal(embedded.data.organizations.name, 'RA');
    await provider.delete('organizations', { id: organization.id });
});

test('create, update, updateMany, delete, deleteMany', async () => {
    const a = (await provider.create('contacts', { data: { name: 'Uma' } })).data;
    const b = (await provider.create('contacts', { data: { name: 'Vic' } })).data;
    const changed = await provider.update('contacts', { id: a.id, data: { ...a, name: 'Una' }, previousData: a });
    assert.equal(changed.data.name, 'Una');
    assert.deepEqual((await provider.updateMany('contacts', { ids: [a.id, b.id], data: { stage: 'won' } })).data.sort(), [a.id, b.id].sort());
    assert.equal((await provider.delete('contacts', { id: a.id })).data.stage, 'won');
    const c = (await provider.create('contacts', { data: { name: 'Wim' } })).data;
    assert.deepEqual((await provider.deleteMany('contacts', { ids: [b.id, c.id] })).data.sort(), [b.id, c.id].sort());
    await assert.rejects(provider.create('contacts', { data: { name: '' } }), { status: 400 });
});
