// A certified OpenID Connect provider on loopback, for tests: one person who always signs in and
// consents, and a client for each algorithm. Run as `node provider.mjs FOLDER`, where FOLDER/node_modules
// has oidc-provider. Says its issuer in one line, and ends when standard input does.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const place = createRequire(join(process.argv[2], 'package.json')).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(place).href);

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'];

function key(kid, alg, kind, options) {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid };
}

const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: ALGORITHMS.map((alg) => ({
    client_id: `yaoki-${alg}`,
    client_secret: 'a secret of forty characters, or about it',
    redirect_uris: ['https://pay.example/back'],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    id_token_signed_response_alg: alg,
  })),
  cookies: { keys: ['a key of the test'] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  jwks: {
    keys: [
      key('es', 'ES256', 'ec', { namedCurve: 'P-256' }),
      key('rs', 'RS256', 'rsa', { modulusLength: 2048 }),
      key('ps', 'PS256', 'rsa', { modulusLength: 2048 }),
      key('ed', 'EdDSA', 'ed25519'),
    ],
  },
  pkce: { required: () => true },
});

async function consent(request, response) {
  const { params, prompt, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'person-1' } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid');
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const answer = provider.callback();
server.on('request', (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  return consent(request, response).catch((error) => {
    response.statusCode = 500;
    response.end(String(error));
  });
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
process.stdout.write(`${issuer}\n`);
