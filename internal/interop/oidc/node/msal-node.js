// npm's @azure/msal-node as its users set it up. https://github.com/AzureAD/microsoft-authentication-library-for-js
import { ConfidentialClientApplication, CryptoProvider } from '@azure/msal-node';
import { serve } from './lines.js';
import { loopback } from './loopback.js';

const crypto = new CryptoProvider();
let app, account, pending, redirect;

function network(via) {
  const send = loopback(via);
  const ask = (method) => async (url, options) => {
    const { status, headers, body } = await send(url, { method, headers: options?.headers, body: options?.body });
    return { status, headers, body: JSON.parse(body) };
  };
  return { sendGetRequestAsync: ask('GET'), sendPostRequestAsync: ask('POST') };
}

function told(result) {
  account = result.account ?? account;
  return {
    claims: result.idTokenClaims, access: result.accessToken, scopes: result.scopes, cached: result.fromCache,
    account: account && { home: account.homeAccountId, local: account.localAccountId, tenant: account.tenantId, name: account.username },
  };
}

serve({
  configure({ authority, clientId, redirectUri, secret, key, thumbprint, via }) {
    redirect = redirectUri;
    app = new ConfidentialClientApplication({
      auth: {
        clientId, authority, knownAuthorities: via ? [] : [new URL(authority).host],
        ...(secret ? { clientSecret: secret } : { clientCertificate: { privateKey: key, thumbprintSha256: thumbprint } }),
      },
      system: via ? { networkClient: network(via) } : {},
    });
    return authority;
  },
  async authorize({ scope }) {
    const { verifier, challenge } = await crypto.generatePkceCodes();
    pending = { codeVerifier: verifier, state: crypto.createNewGuid(), nonce: crypto.createNewGuid() };
    return app.getAuthCodeUrl({
      redirectUri: redirect, scopes: scope.split(' '), state: pending.state, nonce: pending.nonce,
      codeChallenge: challenge, codeChallengeMethod: 'S256',
    });
  },
  async redeem({ answer, scope, verifier }) {
    const parameters = Object.fromEntries(new URL(answer).searchParams);
    const { state, nonce, codeVerifier } = pending;
    return told(await app.acquireTokenByCode(
      { code: parameters.code, redirectUri: redirect, scopes: scope.split(' '), codeVerifier: verifier ?? codeVerifier, state, nonce },
      parameters,
    ));
  },
  async silent({ scope, force }) {
    return told(await app.acquireTokenSilent({ account, scopes: scope.split(' '), forceRefresh: force }));
  },
  async application({ scope }) {
    return told(await app.acquireTokenByClientCredential({ scopes: scope.split(' ') }));
  },
});
