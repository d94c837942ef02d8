// npm's oidc-provider with a tenant's addresses, and with the claims of Entra's ID tokens. https://github.com/panva/node-oidc-provider
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';
import { serve } from './lines.js';

serve({
  async start({ tenant, clients, redirectUri, people }) {
    const server = http.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${server.address().port}`;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

    const provider = new Provider(`${origin}/${tenant}/v2.0`, {
      clients: clients.map(({ id, secret }) => ({
        client_id: id, client_secret: secret, redirect_uris: [redirectUri], token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['authorization_code', 'refresh_token'],
      })),
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
      cookies: { keys: ['the cookies of a test'] },
      pkce: { required: () => true },
      routes: { authorization: '/oauth2/v2.0/authorize', token: '/oauth2/v2.0/token', jwks: '/discovery/v2.0/keys' },
      claims: { openid: ['sub', 'tid', 'oid', 'ver'], profile: ['name', 'preferred_username'], email: ['email'] },
      conformIdTokenClaims: false, // puts them into the ID token
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, tid: tenant, ver: '2.0', ...people[sub] }) }),
    });
    const answer = provider.callback();
    server.on('request', (request, response) => {
      // The provider lives below /{tenant}, as its endpoints do; only its metadata lies with its issuer, below /{tenant}/v2.0.
      const path = request.url.slice(tenant.length + 1);
      request.url = path.replace(/^\/v2\.0\/\.well-known/, '/.well-known');
      request.originalUrl = `/${tenant}${request.url}`;
      answer(request, response);
    });
    return origin;
  },
});
