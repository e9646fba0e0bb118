// Shows the reference. It loads nothing from elsewhere, and offers no service of others.
Scalar.createApiReference("#app", {
  url: "/openapi.json",
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: "never",
  telemetry: false,
  withDefaultFonts: false,
});
