export { type Account, accountSchema, type Identity, ROLES, type Role } from './accounts.ts';
export { Authenticator, type Login, type LoginResult } from './authenticator.ts';
export { basicAuthHeader, parseBasicAuth } from './basic-auth.ts';
export { derivedPassword, equalSecrets, generatePassword, hashPassword, verifyPassword } from './passwords.ts';
