export { type Account, Authenticator, accountSchema, type Identity, ROLES, type Role } from './accounts.ts';
export { basicAuthHeader, parseBasicAuth } from './basic-auth.ts';
export { derivedPassword, equalSecrets, generatePassword, hashPassword, verifyPassword } from './passwords.ts';
