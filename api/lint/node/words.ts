// Compiles if an open vocabulary is a string in TypeScript, and what may be null says so.
import type { components } from './openapi';

type Certification = components['schemas']['Certification'];
const unknownWord: Certification['lifecycle_status'] = 'a word of tomorrow' as string;
export const certification: Certification = { id: '9a4f2b16-8c3d-4e7a-b5f0-1d2c3b4a5968', lifecycle_status: unknownWord, expires_on: null };
