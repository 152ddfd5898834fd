// @supabase/postgrest-js, as it is published, against /rest/v1.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { PostgrestClient } from '@supabase/postgrest-js';

const { REST_URL, OWNER_KEY, READER_KEY, OTHER_KEY, STRANGER_ID } = process.env;
// As supabase-js sends a key: twice.
const client = (key) => new PostgrestClient(REST_URL, { headers: { apikey: key, Authorization: `Bearer ${key}` } });
const owner = client(OWNER_KEY);
const reader = client(READER_KEY);
const ids = {};

function ok(result, status = 200) {
    assert.equal(result.error, null, JSON.stringify(result.error));
    assert.equal(result.status, status);
    return result.data;
}

function refused(result, status, code) {
    assert.equal(result.status, status, JSON.stringify(result));
    assert.equal(result.error.code, code, JSON.stringify(result.error));
    assert.equal(typeof result.error.message, 'string');
    assert.equal(result.data, null);
    return result.error;
}

const names = (rows) => rows.map((row) => row.name);

before(async () => {
    const organizations = ok(await owner.from('organizations').select('id,name'));
    for (const row of organizations) ids[row.name] = row.id;
    const rows = [
        { name: 'Ada', stage: 'won', email: 'ada@one.example', organization_id: ids['Analytical Engines'], external_id: 'ada' },
        { name: 'Bob', stage: 'lead', phone: '2' },
        { name: 'Cy', stage: 'won', phone: '3', organization_id: ids.Bletchley },
        { name: 'Di, (x)', stage: 'lost', email: 'di@two.example', custom: {} },
        { name: 'Éva "q"', stage: 'qualified' },
    ];
    const made = ok(await owner.from('contacts').insert(rows, { defaultToNull: false }).select('id,name'), 201);
    assert.deepEqual(names(made), names(rows));
    for (const row of made) ids[row.name] = row.id;
});

test('select gives rows, and columns under other names', async () => {
    const rows = ok(await owner.from('contacts').select('name, at:stage').order('name'));
    assert.deepEqual(rows[0], { name: 'Ada', at: 'won' });
    assert.equal(rows.length, 5);
    assert.ok(!('tenant_id' in ok(await owner.from('contacts').select().limit(1))[0]));
});

const filters = [
    ['eq', (q) => q.eq('stage', 'won'), 'Ada|Cy'],
    ['neq', (q) => q.neq('stage', 'won'), 'Bob|Di, (x)|Éva "q"'],
    ['gt and lte', (q) => q.gt('phone', '2').lte('phone', '3'), 'Cy'],
    ['gte and lt', (q) => q.gte('phone', '2').lt('phone', '3'), 'Bob'],
    ['like', (q) => q.like('name', 'A%'), 'Ada'],
    ['like of letters of the other case', (q) => q.like('name', 'a%'), ''],
    ['ilike', (q) => q.ilike('name', '%A'), 'Ada'],
    ['likeAnyOf', (q) => q.likeAnyOf('name', ['A%', 'C%']), 'Ada|Cy'],
    ['ilikeAllOf', (q) => q.ilikeAllOf('name', ['%d%', '%a%']), 'Ada'],
    ['is null', (q) => q.is('phone', null), 'Ada|Di, (x)|Éva "q"'],
    ['isDistinct', (q) => q.isDistinct('phone', '2'), 'Ada|Cy|Di, (x)|Éva "q"'],
    ['in', (q) => q.in('name', ['Di, (x)', 'Bob', 'Éva "q"']), 'Bob|Di, (x)|Éva "q"'],
    ['in nothing', (q) => q.in('name', []), ''],
    ['notIn', (q) => q.notIn('stage', ['won', 'lost']), 'Bob|Éva "q"'],
    ['not', (q) => q.not('stage', 'eq', 'won'), 'Bob|Di, (x)|Éva "q"'],
    ['not in', (q) => q.not('stage', 'in', '(won,lost)'), 'Bob|Éva "q"'],
    ['or', (q) => q.or('stage.eq.lost,name.eq.Bob'), 'Bob|Di, (x)'],
    ['or of and', (q) => q.or('phone.eq.2,and(stage.eq.won,email.not.is.null)'), 'Ada|Bob'],
    ['match', (q) => q.match({ stage: 'won', name: 'Cy' }), 'Cy'],
    ['filter', (q) => q.filter('name', 'in', '("Di, (x)")'), 'Di, (x)'],
    ['contains', (q) => q.contains('custom', { none: 1 }), ''],
];
for (const [name, narrow, expected] of filters) {
    test(`a filter selects what it says: ${name}`, async () => {
        const rows = ok(await narrow(owner.from('contacts').select('name')).order('name'));
        const wanted = expected === '' ? [] : expected.split('|');
        assert.deepEqual(names(rows).sort(), wanted.sort());
    });
}

test('order, nulls first and last, limit and range', async () => {
    const phones = (rows) => rows.map((row) => row.phone);
    const ordered = (options) => owner.from('contacts').select('phone').order('phone', options).order('name');
    assert.deepEqual(phones(ok(await ordered({ nullsFirst: true }))).slice(-2), ['2', '3']);
    assert.deepEqual(phones(ok(await ordered({ ascending: false, nullsFirst: false }))).slice(0, 2), ['3', '2']);
    assert.deepEqual(names(ok(await owner.from('contacts').select().order('name').limit(2))), ['Ada', 'Bob']);
    assert.deepEqual(names(ok(await owner.from('contacts').select().order('name').range(1, 2))), ['Bob', 'Cy']);
});

test('counts: exact, planned, estimated, with the rows and without', async () => {
    for (const count of ['exact', 'estimated']) {
        const result = await owner.from('contacts').select('*', { count }).eq('stage', 'won');
        ok(result);
        assert.equal(result.count, 2);
    }
    const planned = await owner.from('contacts').select('*', { count: 'planned' });
    assert.equal(planned.error, null);
    assert.equal(typeof planned.count, 'number');
    const head = await owner.from('contacts').select('*', { count: 'exact', head: true });
    assert.equal(head.error, null);
    assert.equal(head.count, 5);
    assert.equal(head.data, null);
    const page = await owner.from('contacts').select('*', { count: 'exact' }).range(0, 1);
    assert.equal(page.count, 5);
    assert.equal(ok(page, 206).length, 2);
    refused(await owner.from('contacts').select('*', { count: 'exact' }).range(50, 60), 416, 'PGRST103');
});

test('single and maybeSingle', async () => {
    assert.equal(ok(await owner.from('contacts').select().eq('name', 'Ada').single()).stage, 'won');
    const none = refused(await owner.from('contacts').select().eq('name', 'Nobody').single(), 406, 'PGRST116');
    assert.match(none.details, /0 rows/);
    refused(await owner.from('contacts').select().eq('stage', 'won').single(), 406, 'PGRST116');
    assert.equal(ok(await owner.from('contacts').select().eq('name', 'Nobody').maybeSingle()), null);
    assert.equal(ok(await owner.from('contacts').select().eq('name', 'Ada').maybeSingle()).name, 'Ada');
});

test('csv and stripped nulls', async () => {
    const csv = ok(await owner.from('contacts').select('name,phone').in('name', ['Bob', 'Di, (x)']).order('name').csv());
    assert.equal(csv, 'name,phone\nBob,2\n"Di, (x)",\n');
    const stripped = ok(await owner.from('contacts').select('name,phone').eq('name', 'Ada').stripNulls());
    assert.deepEqual(stripped, [{ name: 'Ada' }]);
});

test('embedding: one, its filters, inner, and many', async () => {
    const ada = ok(await owner.from('contacts').select('name,organization:organizations(id,name)').eq('name', 'Ada').single());
    assert.deepEqual(ada, { name: 'Ada', organization: { id: ids['Analytical Engines'], name: 'Analytical Engines' } });
    const left = ok(await owner.from('contacts').select('name,organizations(name)').eq('organizations.name', 'Bletchley').order('name'));
    assert.deepEqual(left.map((row) => row.organizations?.name ?? null), [null, null, 'Bletchley', null, null]);
    const inner = ok(await owner.from('contacts').select('name,organizations!inner(name)').eq('organizations.name', 'Bletchley'));
    assert.deepEqual(inner, [{ name: 'Cy', organizations: { name: 'Bletchley' } }]);
    const there = ok(await owner.from('contacts').select('name,organizations(name)').not('organizations', 'is', null).order('name'));
    assert.deepEqual(names(there), ['Ada', 'Cy']);
    const hinted = ok(await owner.from('contacts').select('name,organizations!organization_id(name)').eq('name', 'Ada').single());
    assert.equal(hinted.organizations.name, 'Analytical Engines');
    const many = ok(await owner.from('organizations').select('name,contacts(name)').order('name'));
    assert.deepEqual(many.map((row) => names(row.contacts)), [['Ada'], ['Cy']]);
    refused(await owner.from('contacts').select('name,nothing(name)'), 400, 'PGRST200');
});

test('insert answers nothing, or the rows', async () => {
    assert.equal(ok(await owner.from('contacts').insert({ name: 'Min' }), 201), null);
    const one = ok(await owner.from('contacts').insert({ name: 'Rep' }).select().single(), 201);
    assert.equal(one.stage, 'lead');
    const counted = await owner.from('contacts').insert([{ name: 'A1' }, { name: 'A2' }], { count: 'exact' });
    ok(counted, 201);
    assert.equal(counted.count, 2);
    ok(await owner.from('contacts').delete().in('id', ok(await owner.from('contacts').select('id').in('name', ['Min', 'Rep', 'A1', 'A2'])).map((row) => row.id)), 204);
});

test('update and delete name rows by id', async () => {
    const id = ok(await owner.from('contacts').insert({ name: 'Temp' }).select('id').single(), 201).id;
    assert.equal(ok(await owner.from('contacts').update({ stage: 'won' }).eq('id', id), 204), null);
    assert.deepEqual(ok(await owner.from('contacts').update({ stage: 'lost' }).eq('id', id).select('stage')), [{ stage: 'lost' }]);
    assert.deepEqual(ok(await owner.from('contacts').update({ stage: 'won' }).eq('id', id).eq('stage', 'lead').select()), []);
    refused(await owner.from('contacts').update({ stage: 'won' }).eq('name', 'Temp'), 400, '21000');
    refused(await owner.from('contacts').delete().eq('name', 'Temp'), 400, '21000');
    refused(await owner.from('contacts').update({ stage: 'won' }).in('id', [id, ids.Ada]).maxAffected(1), 400, 'PGRST124');
    const counted = await owner.from('contacts').update({ phone: '9' }, { count: 'exact' }).eq('id', id);
    assert.equal(counted.count, 1);
    assert.equal(ok(await owner.from('contacts').delete().eq('id', id).select('name').single()).name, 'Temp');
    assert.deepEqual(ok(await owner.from('contacts').delete().eq('id', id).select()), []);
    refused(await owner.from('contacts').delete().eq('id', id).select().single(), 406, 'PGRST116');
});

test('a write that is to be of one row and is not, is taken back', async () => {
    refused(await owner.from('contacts').update({ phone: '77' }).in('id', [ids.Ada, ids.Bob]).select().single(), 406, 'PGRST116');
    assert.deepEqual(ok(await owner.from('contacts').select('name').eq('phone', '77')), []);
});

test('upsert by a unique column, and by id', async () => {
    const rows = [{ external_id: 'ada', name: 'Ada L.' }, { external_id: 'new', name: 'New' }];
    const merged = ok(await owner.from('contacts').upsert(rows, { onConflict: 'external_id' }).select('id,name'), 201);
    assert.deepEqual(names(merged).sort(), ['Ada L.', 'New']);
    assert.ok(merged.some((row) => row.id === ids.Ada));
    ok(await owner.from('contacts').upsert({ external_id: 'ada', name: 'Ignored' }, { onConflict: 'external_id', ignoreDuplicates: true }), 201);
    assert.equal(ok(await owner.from('contacts').select('name').eq('id', ids.Ada).single()).name, 'Ada L.');
    assert.equal(ok(await owner.from('contacts').upsert({ id: ids.Ada, name: 'Ada' }).select().single(), 201).name, 'Ada');
    refused(await owner.from('contacts').upsert({ name: 'x', phone: '1' }, { onConflict: 'phone' }), 400, '42P10');
    ok(await owner.from('contacts').delete().eq('id', merged.find((row) => row.name === 'New').id), 204);
});

test('what the table refuses has its SQLSTATE', async () => {
    refused(await owner.from('contacts').insert({ name: 'x', external_id: 'ada' }), 409, '23505');
    refused(await owner.from('contacts').insert({ name: 'x', stage: 'nope' }), 400, '23514');
    refused(await owner.from('contacts').insert({ stage: 'won' }), 400, '23502');
    refused(await owner.from('contacts').insert({ name: 'x', organization_id: STRANGER_ID }), 409, '23503');
    refused(await owner.from('contacts').insert({ name: 'x', organization_id: 'abc' }), 400, '22P02');
    refused(await owner.from('contacts').insert({ name: 'x', nothing: 1 }), 400, 'PGRST204');
    refused(await owner.from('contacts').select().eq('nothing', 1), 400, '42703');
    refused(await owner.from('contacts').select().eq('id', 'abc'), 400, '22P02');
    refused(await owner.from('nothing').select(), 404, 'PGRST205');
    refused(await owner.from('contacts').select('count()'), 400, 'PGRST123');
    refused(await owner.from('contacts').select().filter('name', 'nope', '1'), 400, 'PGRST100');
});

test('who may not is told so, and who is nobody too', async () => {
    ok(await reader.from('contacts').select());
    refused(await reader.from('contacts').insert({ name: 'x' }), 403, '42501');
    refused(await reader.from('contacts').update({ name: 'x' }).eq('id', ids.Ada), 403, '42501');
    refused(await reader.from('contacts').delete().eq('id', ids.Ada), 403, '42501');
    refused(await reader.rpc('rename', { contact: ids.Ada, to_name: 'x' }), 403, '42501');
    refused(await client('ucrm_live_nobody').from('contacts').select(), 401, 'PGRST301');
    refused(await new PostgrestClient(REST_URL).from('contacts').select(), 401, 'PGRST301');
});

test('another workspace is not there', async () => {
    assert.deepEqual(ok(await owner.from('contacts').select().eq('id', STRANGER_ID)), []);
    assert.deepEqual(ok(await owner.from('contacts').update({ name: 'x' }).eq('id', STRANGER_ID).select()), []);
    assert.deepEqual(ok(await owner.from('contacts').delete().eq('id', STRANGER_ID).select()), []);
    assert.deepEqual(names(ok(await client(OTHER_KEY).from('contacts').select())), ['Stranger']);
});

test('rpc: values, defaults, sets, rows, nothing', async () => {
    assert.equal(ok(await owner.rpc('add', { a: 2, b: 3 })), 5);
    assert.equal(ok(await owner.rpc('add', { a: 2 })), 3);
    assert.equal(ok(await owner.rpc('add', { a: 2, b: 3 }, { get: true })), 5);
    assert.deepEqual(names(ok(await owner.rpc('contacts_at', { wanted: 'won' }))), ['Ada', 'Cy']);
    assert.deepEqual(names(ok(await owner.rpc('contacts_at', { wanted: 'won' }, { get: true }).limit(1))), ['Ada']);
    assert.equal(ok(await owner.rpc('contacts_at', { wanted: 'lost' }).single()).name, 'Di, (x)');
    assert.deepEqual(ok(await owner.rpc('backwards', { list: ['a', 'b,"c'] })), ['b,"c', 'a']);
    assert.deepEqual(ok(await owner.rpc('totals')), { contacts: 5, won: 2 });
    assert.equal(ok(await owner.rpc('rename', { contact: ids.Bob, to_name: 'Bob' }), 204), null);
    const counted = await owner.rpc('contacts_at', { wanted: 'won' }, { count: 'exact' });
    assert.equal(counted.count, 2);
});

test('rpc: what does not fit', async () => {
    refused(await owner.rpc('nothing'), 404, 'PGRST202');
    refused(await owner.rpc('add', { c: 1 }), 404, 'PGRST202');
    refused(await owner.rpc('add'), 404, 'PGRST202');
    refused(await owner.rpc('add', { a: 'x' }), 400, '22P02');
    refused(await owner.rpc('rename', { contact: ids.Bob, to_name: 'x' }, { get: true }), 405, 'PGRST101');
    const why = refused(await owner.rpc('refuse_it', { why: 'because' }), 400, 'P0001');
    assert.deepEqual([why.message, why.hint], ['because', 'Do not ask.']);
    assert.deepEqual(ok(await client(OTHER_KEY).rpc('totals')), { contacts: 1, won: 0 });
});
