export { type AuditOptions, auditList, auditVerify, type VerifyOptions } from './audit.ts';
export { type GetOptions, kvDelete, kvGet, kvPut, kvWatch, type PutOptions, type WatchOptions } from './kv.ts';
export { type LockOptions, lock } from './lock.ts';
export { addMember, listMembers, promoteMember, removeMember, transferLead } from './members.ts';
export type { SiteOptions } from './site.ts';
