namespace RlPrimitives.Tracking;

/// <summary>The protobuf messages of an offline run (<c>wandb_internal.proto</c>); numbers are those of their fields.</summary>
internal static class WandbRecords
{
    /// <summary>run 17.</summary>
    public static ProtoMessage Run(RunInfo run, string project, string? entity)
    {
        var config = Items(new ProtoMessage(), 1, run.Config);
        Item(config, 1, "versions", run.Versions.ToDictionary(v => v.Key, v => (object?)v.Value));
        if (run.Seed is { } seed)
        {
            Item(config, 1, "seed", seed);
        }

        var message = new ProtoMessage().Text(1, run.RunId);
        if (entity is not null)
        {
            message.Text(2, entity);
        }

        message.Text(3, project).Message(4, config).Text(8, run.Name)
            .Message(17, new ProtoMessage().Integer(1, run.Started.ToUnixTimeSeconds()).Integer(2, run.Started.Millisecond * 1_000_000));
        if (run.GitCommit is not null)
        {
            message.Message(21, new ProtoMessage().Text(2, run.GitCommit));
        }

        return new ProtoMessage().Message(17, message);
    }

    /// <summary>history 2 { item 1 …, step 2 }.</summary>
    public static ProtoMessage History(int step, IReadOnlyDictionary<string, object?> values) =>
        new ProtoMessage().Message(2, Items(new ProtoMessage(), 1, values).Message(2, new ProtoMessage().Integer(1, step)));

    /// <summary>summary 3 { update 1 … }.</summary>
    public static ProtoMessage Summary(IReadOnlyDictionary<string, object?> values) => new ProtoMessage().Message(3, Items(new ProtoMessage(), 1, values));

    /// <summary>files 6 { files 1 { path 1, policy 2 = NOW, type 3 = MEDIA } }.</summary>
    public static ProtoMessage MediaFile(string path) => new ProtoMessage().Message(6, new ProtoMessage().Message(1, new ProtoMessage().Text(1, path).Integer(3, 2)));

    /// <summary>exit 18 { exit_code 1, runtime 2 }.</summary>
    public static ProtoMessage Exit(int code, int seconds) => new ProtoMessage().Message(18, new ProtoMessage().Integer(1, code).Integer(2, seconds));

    /// <summary>final 20.</summary>
    public static ProtoMessage Final() => new ProtoMessage().Message(20, new ProtoMessage());

    private static ProtoMessage Items(ProtoMessage message, int field, IReadOnlyDictionary<string, object?> values)
    {
        foreach (var (key, value) in values)
        {
            Item(message, field, key, value);
        }

        return message;
    }

    private static void Item(ProtoMessage message, int field, string key, object? value) =>
        message.Message(field, new ProtoMessage().Text(1, key).Text(16, TrackingJson.Text(value)));
}
