//! Pruning by the engine's options, and secrets that never lie about in the clear.

use std::time::Duration;

use posthouse_engine::service::Prune;
use posthouse_types::PageRequest;

use crate::world::World;

#[tokio::test]
async fn old_events_go_and_waiting_ones_stay() {
    let mut world = World::new().await;
    world.publish("old").await;
    world.endpoint(|settings| settings.enabled = true).await;
    world.drain().await;
    let waiting = world.publish("waiting").await;
    world.clock.advance(Duration::from_secs(31 * 24 * 3600));
    let mut prune = Prune::new(world.engine.clone());
    while prune.step().await.unwrap().next == Some(world.engine.now()) {}
    let page = PageRequest { limit: 10, after: None };
    let left = world.engine.events(&world.caller, None, page).await.unwrap().items;
    assert_eq!(left.iter().map(|event| event.public_id().to_string()).collect::<Vec<_>>(), [waiting.id]);
}

#[tokio::test]
async fn secrets_and_headers_are_not_in_the_files_of_the_store() {
    let world = World::new().await;
    let endpoint = world.endpoint(|_| ()).await;
    let headers = std::collections::BTreeMap::from([(
        "authorization".to_owned(),
        "Bearer top-secret-value".to_owned(),
    )]);
    let update = posthouse_engine::UpdateEndpoint {
        headers: Some(posthouse_types::Headers::new(headers).unwrap()),
        ..posthouse_engine::UpdateEndpoint::settings(&|_| ())
    };
    world.engine.update_endpoint(&world.caller, endpoint.id, update).await.unwrap();
    let secret = world.engine.endpoint_secret(&world.caller, endpoint.id).await.unwrap();
    world.store.close().await.unwrap();
    let mut looked_at = 0;
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        looked_at += bytes.len();
        for text in [secret.expose(), &secret.expose()["whsec_".len()..], "top-secret-value"] {
            assert!(
                !bytes.windows(text.len()).any(|window| window == text.as_bytes()),
                "{text} is in the clear"
            );
        }
    }
    assert!(looked_at > 0, "there were files to look at");
}
