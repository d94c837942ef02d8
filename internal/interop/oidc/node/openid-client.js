// npm's openid-client as its users set it up. https://github.com/panva/openid-client
import { createPrivateKey, webcrypto } from 'node:crypto';
import * as client from 'openid-client';
import { serve } from './lines.js';
import { loopback } from './loopback.js';

let config, pending, refreshToken, redirect;

async function authentication({ secret, key, thumbprint }) {
  if (secret) return client.ClientSecretPost(secret);
  const pkcs8 = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  const imported = await webcrypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSA-PSS', hash: 'SHA-256' }, false, ['sign']);
  return client.PrivateKeyJwt(imported, {
    [client.modifyAssertion]: (header) => {
      header['x5t#S256'] = thumbprint;
    },
  });
}

function told(tokens) {
  refreshToken = tokens.refresh_token ?? refreshToken;
  return { claims: tokens.claims(), access: tokens.access_token, scope: tokens.scope, refreshable: Boolean(tokens.refresh_token) };
}

serve({
  async configure({ authority, clientId, redirectUri, via, ...proof }) {
    const options = { execute: [client.enableNonRepudiationChecks] }; // verifies signatures, too
    if (via) {
      const send = loopback(via);
      options[client.customFetch] = async (url, request) => {
        const { status, headers, body } = await send(url, request);
        return new Response(body, { status, headers: { 'content-type': headers['content-type'] } });
      };
    }
    redirect = redirectUri;
    config = await client.discovery(new URL(authority), clientId, undefined, await authentication(proof), options);
    return config.serverMetadata().issuer;
  },
  async authorize({ scope }) {
    pending = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(), expectedNonce: client.randomNonce() };
    return client.buildAuthorizationUrl(config, {
      redirect_uri: redirect, scope, state: pending.expectedState, nonce: pending.expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(pending.pkceCodeVerifier), code_challenge_method: 'S256',
    }).href;
  },
  async redeem({ answer, verifier }) {
    const checks = { ...pending, idTokenExpected: true, ...(verifier && { pkceCodeVerifier: verifier }) };
    return told(await client.authorizationCodeGrant(config, new URL(answer), checks));
  },
  async refresh() {
    return told(await client.refreshTokenGrant(config, refreshToken));
  },
  async application({ scope }) {
    return { access: (await client.clientCredentialsGrant(config, { scope })).access_token };
  },
});
