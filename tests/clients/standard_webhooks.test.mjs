// standardwebhooks, as it is published on npm: a receiver written with it takes what UCRM sends, and UCRM what it signs.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, mock, test } from 'node:test';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

const { HOOKS_URL, HOOKS_KEY, HOOKS_TENANT, INBOUND_SECRET } = process.env;
const heard = [];
const waiting = [];
const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) {
        chunks.push(chunk);
    }
    const message = { body: Buffer.concat(chunks).toString(), headers: request.headers };
    response.writeHead(204).end();
    const next = waiting.shift();
    next ? next(message) : heard.push(message);
});
const next = () =>
    heard.shift() ??
    new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('nothing came')), 20_000);
        waiting.push((message) => {
            clearTimeout(late);
            resolve(message);
        });
    });

async function api(method, path, body) {
    const reply = await fetch(`${HOOKS_URL}/api/v1/${path}`, {
        method,
        headers: { 'x-api-key': HOOKS_KEY, ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
    });
    const text = await reply.text();
    assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text}`);
    return text && JSON.parse(text).data;
}

let made = 0;
const happen = () => api('POST', 'roles', { name: `npm_${++made}`, label: 'Ünïcode ✓ "quoted"' });
const believes = (secret, { body, headers }) => new Webhook(secret).verify(body, headers);
const refuses = (secret, message) => assert.throws(() => believes(secret, message), WebhookVerificationError);

let webhook;
before(async () => {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    webhook = await api('POST', 'webhooks', { url: `http://127.0.0.1:${server.address().port}/`, events: ['roles.*'] });
});
after(async () => {
    server.close();
    server.closeAllConnections();
    await api('DELETE', `webhooks/${webhook.id}`);
});

test('a receiver of npm takes an event', async () => {
    const role = await happen();
    const message = await next();
    const event = believes(webhook.secret, message);
    assert.deepEqual([event.type, event.data.name, event.tenantid], ['roles.created', role.name, HOOKS_TENANT]);
    assert.equal(message.headers['ce-tenantid'], HOOKS_TENANT);
    assert.equal(message.headers['webhook-id'], event.id);
});

test('a receiver of npm refuses what was altered or replayed', async () => {
    await happen();
    const message = await next();
    refuses(webhook.secret, { ...message, body: message.body.replace('roles.created', 'roles.deleted') });
    refuses(webhook.secret, { ...message, headers: { ...message.headers, 'webhook-id': 'another' } });
    refuses(webhook.secret, { ...message, headers: { ...message.headers, 'webhook-timestamp': String(Number(message.headers['webhook-timestamp']) + 1) } });
    refuses(webhook.secret, { ...message, headers: { ...message.headers, 'webhook-signature': 'v1,bm90IHRoaXM=' } });
    refuses(`whsec_${Buffer.from('another secret of 32 bytes, or so').toString('base64')}`, message);
    believes(webhook.secret, message);
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 6 * 60 * 1000 });
    refuses(webhook.secret, message);
    mock.timers.reset();
});

test('receivers of npm with either secret take an event while a rotation lasts, and then with the new one', async () => {
    const rotated = await api('POST', `webhooks/${webhook.id}/rotate`, { overlap_hours: 1 });
    await happen();
    let message = await next();
    assert.equal(message.headers['webhook-signature'].split(' ').length, 2);
    believes(webhook.secret, message);
    believes(rotated.secret, message);
    const again = await api('POST', `webhooks/${webhook.id}/rotate`, { overlap_hours: 0 });
    await happen();
    message = await next();
    refuses(webhook.secret, message);
    refuses(rotated.secret, message);
    believes(again.secret, message);
    webhook.secret = again.secret;
});

test('a test message and one that is sent again are believed too', async () => {
    const delivery = await api('POST', `webhooks/${webhook.id}/test`);
    const first = await next();
    assert.equal(believes(webhook.secret, first).data.message, 'It works.');
    for (let tries = 0; (await api('GET', `webhook_deliveries/${delivery.id}`)).status !== 'delivered'; tries++) {
        assert.ok(tries < 100);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await api('POST', `webhook_deliveries/${delivery.id}/resend`);
    const second = await next();
    believes(webhook.secret, second);
    assert.equal(second.headers['webhook-id'], first.headers['webhook-id']);
});

test('UCRM takes what npm signs, once', async () => {
    const send = (id, at, body, signed = body) =>
        fetch(`${HOOKS_URL}/api/v1/shop`, {
            method: 'POST',
            headers: {
                'content-type': 'application/json',
                'webhook-id': id,
                'webhook-timestamp': String(Math.floor(at / 1000)),
                'webhook-signature': new Webhook(INBOUND_SECRET).sign(id, new Date(at), signed),
            },
            body,
        }).then((reply) => reply.status);
    const now = Date.now();
    assert.equal(await send('npm_1', now, '{"order": 1}'), 201);
    assert.equal(await send('npm_1', now, '{"order": 1}'), 200);
    assert.equal(await send('npm_2', now, '{"order": 2}', '{"order": 3}'), 401);
    assert.equal(await send('npm_2', now - 6 * 60 * 1000, '{"order": 2}'), 401);
    assert.equal(await send('npm_2', now, '{"order": 2}'), 201);
});
