//! GitLab: projects and groups, on gitlab.com or elsewhere. Sources: GitLab, Webhook events; Moltis.

mod read;
mod summary;

use posthouse_types::AuthMode;

use super::{CatalogueEntry, Profile};

pub(super) static PROFILE: Profile = Profile {
    name: "gitlab",
    display_name: "GitLab",
    auth: AuthMode::GitlabToken,
    catalogue: CATALOGUE,
    setup_guide: SETUP_GUIDE,
    tools: &crate::tool::gitlab::TOOLS,
    read: read::read,
    summarise: summary::summarise,
    challenge: None,
};

const CATALOGUE: &[CatalogueEntry] = &[
    CatalogueEntry::new("merge_request.open", "New merge request"),
    CatalogueEntry::new("merge_request.update", "MR updated"),
    CatalogueEntry::new("merge_request.merge", "MR merged"),
    CatalogueEntry::new("push", "Commits pushed"),
    CatalogueEntry::new("note", "Comment on MR or issue"),
    CatalogueEntry::new("issue.open", "New issue"),
    CatalogueEntry::new("pipeline", "Pipeline status change"),
    CatalogueEntry::new("release", "Release created, changed or deleted"),
];

const SETUP_GUIDE: &str = "\
1. Posthouse generates a random secret token, or you provide one.
2. In your GitLab project, go to **Settings → Webhooks → Add new webhook**.
3. Set **URL** to the URL of this source.
4. Paste the secret token into **Secret token**.
5. Select the trigger events, and add the webhook.

**Test** beside the webhook sends an event at once: it appears among the deliveries of this source.
";
