/**
 * curl for addresses of this cloud, by its words: without root's ~/.curlrc (-q has to come first) and without any proxy, which
 * would ask another machine's loopback (curl(1)).
 */
export const OWN_CURL_WORDS = ['curl', '-q', '--noproxy', '*'] as const
/** The same as shell text. */
export const OWN_CURL = "curl -q --noproxy '*'"
