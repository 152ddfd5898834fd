// The programs of gateway/WEBHOOKS.md, as they stand there, take what UCRM sends and refuse what somebody else does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const { HOOKS_URL, HOOKS_KEY, CLIENTS, GUIDE } = process.env;
const guide = readFileSync(GUIDE, 'utf8');
const section = (title) => guide.split(`### ${title}\n`)[1].match(/```\w+\n([^]*?)```/)[1];

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

async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

async function listens(port) {
    for (let tries = 0; tries < 200; tries++) {
        try {
            return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' })).status;
        } catch {
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }
    throw new Error('nobody listens');
}

async function tryProgram(title, name, command) {
    const port = await freePort();
    const webhook = await api('POST', 'webhooks', { url: `http://127.0.0.1:${port}/`, events: ['roles.created'] });
    writeFileSync(`${CLIENTS}/${name}`, section(title));
    const program = spawn(command, [`${CLIENTS}/${name}`], {
        env: { ...process.env, WEBHOOK_SECRET: webhook.secret, PORT: String(port) },
        stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
        assert.equal(await listens(port), 400, 'what is not signed is refused');
        const line = once(createInterface(program.stdout), 'line', { signal: AbortSignal.timeout(20_000) });
        const role = await api('POST', 'roles', { name: name.replace(/\W.*/, '') });
        assert.deepEqual(await line, [`roles.created ${role.name}`]);
    } finally {
        program.kill();
        await api('DELETE', `webhooks/${webhook.id}`);
    }
}

test('the Node program of the guide', () => tryProgram('Node', 'guide_node.mjs', process.execPath));

test('the Python program of the guide', () => tryProgram('Python', 'guide_python.py', `${CLIENTS}/venv/bin/python`));

test('the code for n8n of the guide', async () => {
    const messages = [];
    const server = createServer(async (request, response) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        messages.push({ headers: request.headers, body: Buffer.concat(chunks) });
        response.writeHead(204).end();
        server.emit('message');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const webhook = await api('POST', 'webhooks', { url: `http://127.0.0.1:${server.address().port}/`, events: ['roles.created'] });
    try {
        const heard = once(server, 'message', { signal: AbortSignal.timeout(20_000) });
        await api('POST', 'roles', { name: 'guide_n8n' });
        await heard;
        const AsyncFunction = (async () => {}).constructor;
        const code = new AsyncFunction('require', '$input', '$env', section('n8n'));
        const run = ({ headers, body }, secret) =>
            code.call(
                { helpers: { getBinaryDataBuffer: async () => body } },
                createRequire(import.meta.url),
                { first: () => ({ json: { headers } }) },
                { WEBHOOK_SECRET: secret },
            );
        const [message] = messages;
        const [item] = await run(message, webhook.secret);
        assert.deepEqual([item.json.type, item.json.subject], ['roles.created', 'guide_n8n']);
        const altered = { ...message, body: Buffer.from(message.body.toString().replace('guide_n8n', 'guide_evil')) };
        await assert.rejects(run(altered, webhook.secret), /not from UCRM/);
        await assert.rejects(run(message, `whsec_${Buffer.from('another').toString('base64')}`), /not from UCRM/);
        const late = { ...message, headers: { ...message.headers, 'webhook-timestamp': String(Number(message.headers['webhook-timestamp']) - 301) } };
        await assert.rejects(run(late, webhook.secret), /too old/);
    } finally {
        server.close();
        server.closeAllConnections();
        await api('DELETE', `webhooks/${webhook.id}`);
    }
});
