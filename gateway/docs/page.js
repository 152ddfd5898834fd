// The page behind /docs: asks for the document with whatever credential was entered, and shows it. The credential stays
// in this page's memory: it is gone with the tab.
'use strict';

const form = document.querySelector('form');
const field = document.querySelector('#credential');
const status = document.querySelector('[role=status]');
let credential = '';

function credentialHeaders() {
    if (!credential) return {};
    return credential.startsWith('ucrm_') ? { 'x-api-key': credential } : { authorization: 'Bearer ' + credential };
}

function say(text, refused) {
    status.textContent = text;
    status.classList.toggle('refused', Boolean(refused));
}

async function show() {
    say('Loading …');
    let reply, answer;
    try {
        reply = await fetch('/api/v1/openapi.json', { headers: credentialHeaders() });
        answer = await reply.json();
    } catch (error) {
        say('The document cannot be loaded: ' + error.message, true);
        return;
    }
    if (!reply.ok) {
        say([answer.detail, answer.hint].filter(Boolean).join('. '), true);
        return;
    }
    const operations = Object.values(answer.paths).reduce((sum, item) => sum + Object.keys(item).length, 0);
    say(operations + ' operations. ' + (credential
        ? 'This is what the credential may do; “Try it out” sends it.'
        : 'Without a credential here, this is what the session’s cookie, or nobody, may do: enter an API key to see your workspace’s resources.'));
    SwaggerUIBundle({
        spec: answer,
        dom_id: '#ui',
        presets: [SwaggerUIBundle.presets.apis],
        deepLinking: true,
        docExpansion: 'none',
        defaultModelsExpandDepth: -1,
        filter: true,
        displayRequestDuration: true,
        validatorUrl: null,
        requestInterceptor: request => {
            if (new URL(request.url, location.href).origin === location.origin) Object.assign(request.headers, credentialHeaders());
            return request;
        },
    });
}

form.addEventListener('submit', event => {
    event.preventDefault();
    credential = field.value.trim();
    show();
});
form.addEventListener('reset', () => {
    credential = '';
    show();
});
show();
