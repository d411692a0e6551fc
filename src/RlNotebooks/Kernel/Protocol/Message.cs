using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlNotebooks.Kernel.Protocol;

/// <summary>One message of the Jupyter protocol.</summary>
/// <param name="Identities">Who sent it, or on the output channel its topic.</param>
/// <param name="Header">Its id, type and session.</param>
/// <param name="Parent">The header of the message that caused it; empty for a request.</param>
/// <param name="Content">By its type.</param>
internal sealed record Message(IReadOnlyList<byte[]> Identities, JsonObject Header, JsonObject Parent, JsonObject Content)
{
    /// <summary>The version of the protocol that this kernel speaks.</summary>
    public const string ProtocolVersion = "5.3";

    private static readonly string Session = Guid.NewGuid().ToString("N");

    private static readonly string User = Environment.UserName;

    /// <summary>For example <c>execute_request</c>.</summary>
    public string Type => Header["msg_type"]!.GetValue<string>();

    /// <summary>Unique.</summary>
    public string Id => Header["msg_id"]!.GetValue<string>();

    /// <summary>A message of this kernel.</summary>
    public static Message Create(string type, JsonObject content, Message? cause, IReadOnlyList<byte[]> identities) => new(identities, new JsonObject
    {
        ["msg_id"] = Guid.NewGuid().ToString("N"),
        ["msg_type"] = type,
        ["session"] = Session,
        ["username"] = User,
        ["date"] = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture),
        ["version"] = ProtocolVersion,
    }, cause?.Header ?? [], content);

    /// <summary>The answer to this request.</summary>
    public Message Reply(JsonObject content) => Create($"{(Type.EndsWith("_request", StringComparison.Ordinal) ? Type[..^"_request".Length] : Type)}_reply", content, this, Identities);

    /// <summary>The answer when it could not be done.</summary>
    public Message ErrorReply(string name, string text) => Reply(Replies.Error(name, text, []));

    /// <summary>A text of the content; null when it is absent or no text.</summary>
    public string? Text(string name) => Content[name] is JsonValue v && v.GetValueKind() == JsonValueKind.String ? v.GetValue<string>() : null;

    /// <summary>A switch of the content.</summary>
    public bool Flag(string name, bool otherwise) => Content[name] is JsonValue v && v.TryGetValue<bool>(out var flag) ? flag : otherwise;

    /// <summary>A number of the content; null when it is absent or no whole number.</summary>
    public int? Number(string name) => Content[name] is JsonValue v && v.TryGetValue<int>(out var number) ? number : null;
}
