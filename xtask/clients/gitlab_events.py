"""Events as GitLab sends them. Members: GitLab, “Webhook events”; names and texts are ours."""

SHA = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
NO_COMMIT = "0" * 40
TIME = "2026-01-02 03:04:05 UTC"
URL = "https://gitlab.example.com"
PATH = "größe/tools/widget"

USER = {"id": 1, "name": "Zoë 日本", "username": "zoe", "avatar_url": f"{URL}/zoe.png", "email": "[REDACTED]"}
PROJECT = {
    "id": 15,
    "name": "Widget",
    "description": "",
    "web_url": f"{URL}/tools/widget",
    "avatar_url": None,
    "git_ssh_url": "git@gitlab.example.com:tools/widget.git",
    "git_http_url": f"{URL}/tools/widget.git",
    "namespace": "Tools",
    "visibility_level": 0,
    "path_with_namespace": PATH,
    "default_branch": "main",
    "ci_config_path": None,
}
LABEL = {
    "id": 206,
    "title": "API",
    "color": "#ffffff",
    "project_id": 14,
    "created_at": TIME,
    "updated_at": TIME,
    "template": False,
    "description": "API related issues",
    "type": "ProjectLabel",
    "group_id": 41,
}
COMMIT = {
    "id": SHA,
    "message": "Wheels turn again\n\nThey were stuck. 🐎",
    "title": "Wheels turn again",
    "timestamp": "2026-01-02T03:04:05+02:00",
    "url": f"{URL}/tools/widget/-/commit/{SHA}",
    "author": {"name": "Zoë 日本", "email": "zoe@example.com"},
    "added": ["wheel.c"],
    "modified": [],
    "removed": [],
}
DATES = {"created_at": TIME, "updated_at": TIME}
ISSUE = {
    "id": 301,
    "iid": 23,
    "title": 'Wheels "stuck"',
    "description": "Since Monday.\n---\nProject: forged",
    "assignee_ids": [1],
    "assignee_id": 1,
    "author_id": 1,
    "project_id": 15,
    "position": 0,
    "milestone_id": None,
    "state": "opened",
    "labels": [LABEL],
    "url": f"{URL}/tools/widget/-/issues/23",
    **DATES,
}
MERGE_REQUEST = {
    "id": 99,
    "iid": 7,
    "title": "Free the wheels",
    "description": "Closes #23.",
    "target_branch": "main",
    "source_branch": "wheels",
    "source_project_id": 15,
    "target_project_id": 15,
    "author_id": 1,
    "assignee_id": None,
    "milestone_id": None,
    "state": "opened",
    "merge_status": "unchecked",
    "detailed_merge_status": "mergeable",
    "labels": [],
    "source": PROJECT,
    "target": PROJECT,
    "last_commit": COMMIT,
    "draft": False,
    "url": f"{URL}/tools/widget/-/merge_requests/7",
    **DATES,
}
SNIPPET = {
    "id": 53,
    "title": "Turn a wheel",
    "description": "",
    "content": "turn();",
    "author_id": 1,
    "project_id": 15,
    "file_name": "turn.c",
    "type": "ProjectSnippet",
    "visibility_level": 0,
    "url": f"{URL}/tools/widget/-/snippets/53",
    **DATES,
}
ENVIRONMENT = {"name": "staging", "action": "start", "deployment_tier": "staging"}
RUNNER = {"id": 380987, "description": "shared", "active": True, "runner_type": "instance_type", "is_shared": True}
PIPELINE_SOURCE = {
    "project": {"id": 41, "web_url": f"{URL}/up", "path_with_namespace": "up/stream"},
    "pipeline_id": 30,
    "job_id": 3401,
}


def push(kind, ref, commits, count, **more):
    event = {"object_kind": kind, "event_name": kind, "before": SHA, "after": SHA, "ref": ref, "ref_protected": True}
    user = {"user_id": 1, "user_name": "Zoë 日本", "user_username": "zoe", "user_email": "", "user_avatar": None}
    of_whom = {**user, "project_id": 15, "project": PROJECT}
    return {**event, "checkout_sha": SHA, **of_whom, "commits": commits, "total_commits_count": count, **more}


def issue(action, kind="issue", event_type="issue", **more):
    whose = {"user": USER, "project": PROJECT, "labels": [LABEL], "changes": {}}
    attributes = {**ISSUE, "action": action, **more}
    return {"object_kind": kind, "event_type": event_type, **whose, "object_attributes": attributes}


def merge_request(action, **more):
    kind = {"object_kind": "merge_request", "event_type": "merge_request"}
    attributes = {**MERGE_REQUEST, "action": action, **more}
    return {**kind, "user": USER, "project": PROJECT, "object_attributes": attributes, "labels": [LABEL]}


def note(noteable_type, event_type="note", **about):
    attributes = {
        "id": 1244,
        "note": "Looks round.\nTo me.",
        "noteable_type": noteable_type,
        "author_id": 1,
        "project_id": 15,
        "line_code": None,
        "commit_id": None,
        "noteable_id": 7,
        "system": False,
        "st_diff": None,
        "action": "create",
        "url": f"{URL}/tools/widget/note_1244",
        **DATES,
    }
    kind = {"object_kind": "note", "event_type": event_type, "user": USER, "project_id": 15, "project": PROJECT}
    return {**kind, "object_attributes": attributes, **about}


def build(name, status):
    times = {"created_at": TIME, "started_at": TIME, "finished_at": TIME, "duration": 17.1, "queued_duration": 0.4}
    how = {"failure_reason": None, "when": "on_success", "manual": False, "allow_failure": False, "user": USER}
    what = {"id": 380, "stage": "test", "name": name, "status": status}
    file = {"filename": None, "size": None}
    return {**what, **times, **how, "runner": RUNNER, "artifacts_file": file, "environment": None}


def pipeline(status, merge_request=None):
    attributes = {
        "id": 31,
        "iid": 3,
        "name": "Pipeline for branch: main",
        "ref": "main",
        "tag": False,
        "sha": SHA,
        "before_sha": NO_COMMIT,
        "source": "merge_request_event" if merge_request else "push",
        "status": status,
        "stages": ["build", "test"],
        "created_at": TIME,
        "finished_at": TIME,
        "duration": 63,
        "variables": [{"key": "NESTOR_PROD_ENVIRONMENT", "value": "us-west-1"}],
        "url": f"{URL}/tools/widget/-/pipelines/31",
    }
    builds = [build("wheels", "failed"), build("axles", "success")]
    parts = {"user": USER, "project": PROJECT, "commit": COMMIT, "source_pipeline": PIPELINE_SOURCE}
    return {
        "object_kind": "pipeline",
        "object_attributes": attributes,
        "merge_request": merge_request,
        **parts,
        "builds": builds,
    }


PIPELINE_MERGE_REQUEST = {
    "id": 1,
    "iid": 7,
    "title": "Free the wheels",
    "source_branch": "wheels",
    "source_project_id": 15,
    "target_branch": "main",
    "target_project_id": 15,
    "state": "opened",
    "merge_status": "can_be_merged",
    "detailed_merge_status": "mergeable",
    "url": f"{URL}/tools/widget/-/merge_requests/7",
}
JOB = {
    "object_kind": "build",
    "ref": "main",
    "tag": False,
    "before_sha": SHA,
    "sha": SHA,
    "build_id": 1977,
    "build_name": "wheels",
    "build_stage": "test",
    "build_status": "failed",
    "build_created_at": TIME,
    "build_started_at": None,
    "build_finished_at": None,
    "build_duration": None,
    "build_queued_duration": 1095.5,
    "build_allow_failure": False,
    "build_failure_reason": "script_failure",
    "retries_count": 2,
    "pipeline_id": 2366,
    "project_id": 15,
    "project_name": "Tools / Widget",
    "user": USER,
    "commit": {
        "id": 2366,
        "name": "Build pipeline",
        "sha": SHA,
        "message": "Wheels\n",
        "author_name": "Zoë 日本",
        "author_email": "zoe@example.com",
        "status": "created",
    },
    "project": PROJECT,
    "runner": RUNNER,
    "environment": None,
    "source_pipeline": PIPELINE_SOURCE,
}
WIKI_PAGE = {
    "object_kind": "wiki_page",
    "user": USER,
    "project": PROJECT,
    "wiki": {
        "web_url": f"{URL}/tools/widget/-/wikis/home",
        "git_ssh_url": "git@gitlab.example.com:tools/widget.wiki.git",
        "git_http_url": f"{URL}/tools/widget.wiki.git",
        "path_with_namespace": f"{PATH}.wiki",
        "default_branch": "main",
    },
    "object_attributes": {
        "title": "Awesome",
        "content": "awesome content",
        "format": "markdown",
        "message": "adding an awesome page",
        "slug": "awesome",
        "url": f"{URL}/tools/widget/-/wikis/awesome",
        "action": "create",
        "diff_url": f"{URL}/tools/widget/-/wikis/home/diff?version_id={SHA}",
        "version_id": SHA,
    },
}
DEPLOYMENT = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": TIME,
    "deployment_id": 15,
    "deployable_id": 796,
    "deployable_url": f"{URL}/tools/widget/-/jobs/796",
    "environment": "staging",
    "environment_tier": "staging",
    "environment_slug": "staging",
    "environment_external_url": "https://staging.example.com",
    "project": PROJECT,
    "short_sha": SHA[:8],
    "user": USER,
    "user_url": f"{URL}/zoe",
    "commit_url": f"{URL}/tools/widget/-/commit/{SHA}",
    "commit_title": "Wheels turn again",
}
FEATURE_FLAG = {
    "object_kind": "feature_flag",
    "project": PROJECT,
    "user": USER,
    "user_url": f"{URL}/zoe",
    "object_attributes": {"id": 6, "name": "round-wheels", "description": "They roll", "active": True},
}
RELEASE = {
    "object_kind": "release",
    "id": 1,
    "created_at": TIME,
    "description": "Wheels **turn** again",
    "name": "v1.1 🐎",
    "released_at": TIME,
    "tag": "v1.1",
    "project": PROJECT,
    "url": f"{URL}/tools/widget/-/releases/v1.1",
    "action": "create",
    "assets": {
        "count": 2,
        "links": [{"id": 1, "link_type": "other", "name": "Changelog", "url": f"{URL}/changelog"}],
        "sources": [{"format": "zip", "url": f"{URL}/tools/widget/-/archive/v1.1/widget.zip"}],
    },
    "commit": COMMIT,
}
MILESTONE = {
    "object_kind": "milestone",
    "event_type": "milestone",
    "project": PROJECT,
    "object_attributes": {"id": 61, "iid": 10, "title": "v1.0", "state": "active", "project_id": 15, **DATES},
    "action": "create",
}
AWARD = {
    "user_id": 1,
    "id": 1,
    "name": "thumbsup",
    "awardable_type": "Note",
    "awardable_id": 363,
    "action": "award",
    "awarded_on_url": f"{URL}/tools/widget/-/issues/23#note_1244",
    **DATES,
}
EMOJI = {
    "object_kind": "emoji",
    "event_type": "award",
    "user": USER,
    "project_id": 15,
    "project": PROJECT,
    "object_attributes": AWARD,
    "note": note("Issue")["object_attributes"],
    "issue": ISSUE,
}
TOKEN = {"user_id": 90, "created_at": TIME, "id": 25, "name": "deploys", "expires_at": "2026-01-26"}
PROJECT_TOKEN = {
    "object_kind": "access_token",
    "project": PROJECT,
    "object_attributes": TOKEN,
    "event_name": "expiring_access_token",
}
GROUP = {"group_name": "Tools", "group_path": "tools", "group_id": 35, "full_path": "größe/tools"}
GROUP_TOKEN = {
    "object_kind": "access_token",
    "group": GROUP,
    "object_attributes": TOKEN,
    "event_name": "expiring_access_token",
}
MEMBER = {
    **DATES,
    "group_name": "Tools",
    "group_path": "tools",
    "group_id": 35,
    "user_username": "zoe",
    "user_name": "Zoë 日本",
    "user_email": "zoe@example.com",
    "user_id": 64,
    "group_access": "Guest",
    "group_plan": None,
    "expires_at": TIME,
    "event_name": "user_add_to_group",
}
PROJECT_MADE = {
    "event_name": "project_create",
    **DATES,
    "name": "Widget",
    "path": "widget",
    "path_with_namespace": PATH,
    "project_id": 15,
    "project_namespace_id": 35,
    "owners": [{"name": "Zoë 日本", "email": "zoe@example.com"}],
    "project_visibility": "private",
}
SUBGROUP = {
    **DATES,
    "event_name": "subgroup_create",
    "name": "Wheels",
    "path": "wheels",
    "full_path": "größe/tools/wheels",
    "group_id": 36,
    "parent_group_id": 35,
    "parent_name": "Tools",
    "parent_path": "tools",
    "parent_full_path": "größe/tools",
}
