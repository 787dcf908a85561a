/** The root of the checkout, without a trailing slash. */
export declare const checkout: string;
/** Installs and builds what is missing. Ends the process when that fails. */
export declare function prepareCheckout(): void;
