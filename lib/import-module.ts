/**
 * import() of a module outside of the bundle. The build replaces this file, because import() does not work in the script that
 * the bundle is (scripts/build.js, lib/start.ts).
 */
export const importModule = (url: string): Promise<unknown> => import(url)
