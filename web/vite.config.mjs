import { defineConfig } from "vite";

// Addresses are relative so that the page works below any path a proxy gives it. VEDETTE_UI_API_URL and VEDETTE_UI_WS_URL are for a
// page that is served elsewhere (src/addresses.ts), VEDETTE_SERVER is for `npm run dev` only.
export default defineConfig({
  base: "./",
  envPrefix: "VEDETTE_UI_",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/auth", "/health", "/ws"].map((path) => [
        path,
        { target: process.env.VEDETTE_SERVER ?? "http://127.0.0.1:8000", ws: path === "/ws", changeOrigin: true },
      ]),
    ),
  },
});
