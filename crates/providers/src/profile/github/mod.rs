//! GitHub: repositories, organisations and apps. Sources: GitHub, Webhook events and payloads; Moltis.

mod read;
mod summary;

use posthouse_types::AuthMode;

use super::{CatalogueEntry, Profile};

pub(super) static PROFILE: Profile = Profile {
    name: "github",
    display_name: "GitHub",
    auth: AuthMode::GithubHmacSha256,
    catalogue: CATALOGUE,
    setup_guide: SETUP_GUIDE,
    tools: &crate::tool::github::TOOLS,
    read: read::read,
    summarise: summary::summarise,
    challenge: None,
};

const CATALOGUE: &[CatalogueEntry] = &[
    CatalogueEntry::new("pull_request.opened", "New PR").used_for("Code review, labeling"),
    CatalogueEntry::new("pull_request.synchronize", "PR updated").used_for("Re-review"),
    CatalogueEntry::new("pull_request.closed", "PR closed/merged").used_for("Cleanup, changelog"),
    CatalogueEntry::new("push", "Commits pushed").used_for("CI trigger, deploy check"),
    CatalogueEntry::new("issues.opened", "New issue").used_for("Triage, auto-respond"),
    CatalogueEntry::new("issues.labeled", "Issue labeled").used_for("Triage, routing"),
    CatalogueEntry::new("issue_comment.created", "Comment on issue/PR").used_for("Answer questions"),
    CatalogueEntry::new("pull_request_review.submitted", "PR review posted").used_for("Respond to feedback"),
    CatalogueEntry::new("release.published", "New release").used_for("Announce, post-release tasks"),
    CatalogueEntry::new("workflow_run.completed", "Actions workflow done").used_for("Post-CI analysis"),
    CatalogueEntry::new("check_suite.completed", "Check suite done").used_for("Post-CI analysis"),
    CatalogueEntry::new("ping", "Webhook set up").used_for("Check the connection"),
];

const SETUP_GUIDE: &str = "\
1. Posthouse generates a random secret, or you provide one.
2. In your GitHub repository, go to **Settings → Webhooks → Add webhook**.
3. Set **Payload URL** to the URL of this source.
4. Set **Content type** to `application/json`.
5. Paste the secret.
6. Select the events you want to trigger, or choose **Send me everything** and filter in Posthouse.

GitHub sends a `ping` at once: it appears among the deliveries of this source.
";
