using System.Reflection;
using System.Text.RegularExpressions;
using RlPrimitives.Models;

namespace RlPrimitives.Tests;

/// <summary>Rooms use those to their left only, and some name no tensor.</summary>
public partial class LayeringTests
{
    /// <summary>Left to right; Tracking stands beside Algorithms.</summary>
    private static readonly string[] Rooms = ["Models", "Inference", "Environments", "Rollouts", "Rewards", "Backprop", "Algorithms"];

    private static readonly string[] WithoutTensors = ["Environments", "Rollouts", "Rewards", "Tracking"];

    [Fact]
    public void No_source_file_names_a_room_to_its_right()
    {
        foreach (var (room, file, code) in Sources())
        {
            foreach (Match match in RoomName().Matches(code))
            {
                Assert.True(MayUse(room, match.Groups[1].Value), $"{file} in {room} names {match.Value}");
            }
        }
    }

    [Fact]
    public void No_type_mentions_a_type_of_a_room_to_its_right()
    {
        foreach (var type in typeof(CausalLM).Assembly.GetTypes())
        {
            foreach (var mentioned in Mentioned(type).Where(t => RoomOf(t) is not null))
            {
                Assert.True(MayUse(RoomOf(type), RoomOf(mentioned)!), $"{type} mentions {mentioned}");
            }
        }
    }

    [Fact]
    public void Interaction_and_scoring_name_no_tensor()
    {
        foreach (var (room, file, code) in Sources().Where(s => WithoutTensors.Contains(s.Room)))
        {
            Assert.False(code.Contains("TorchSharp", StringComparison.Ordinal), $"{file} in {room} names TorchSharp");
        }

        foreach (var type in typeof(CausalLM).Assembly.GetTypes().Where(t => WithoutTensors.Contains(RoomOf(t))))
        {
            Assert.DoesNotContain(Mentioned(type), t => t.Assembly == typeof(TorchSharp.torch).Assembly);
        }
    }

    [Fact]
    public void Every_folder_of_the_library_is_a_room()
    {
        Assert.Equal([], Sources().Select(s => s.Room).Distinct().Except([.. Rooms, "Tracking"]));
        Assert.Equal([], Rooms.Append("Tracking").Except(Sources().Select(s => s.Room)));
    }

    [Fact]
    public void Algorithms_tell_trackers_and_not_the_other_way_round()
    {
        Assert.True(MayUse("Algorithms", "Tracking"));
        Assert.False(MayUse("Tracking", "Algorithms"));
        Assert.All(Rooms.Except(["Algorithms"]), room => Assert.False(MayUse(room, "Tracking")));
    }

    private static bool MayUse(string? room, string used) =>
        room == used || room is null || (used == "Tracking" ? room == "Algorithms" : Array.IndexOf(Rooms, room == "Tracking" ? "Algorithms" : room) > Array.IndexOf(Rooms, used));

    private static string? RoomOf(Type? type) =>
        type?.Namespace is { } name && RoomName().Match(name + ".") is { Success: true } match && name.StartsWith("RlPrimitives.", StringComparison.Ordinal) ? match.Groups[1].Value : null;

    /// <summary>Every type in base, interfaces, fields, properties, methods, their bodies' variables and calls to them aside from generic arguments' own.</summary>
    private static IEnumerable<Type> Mentioned(Type type)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        List<Type?> found = [type.BaseType, .. type.GetInterfaces()];
        foreach (var member in type.GetMembers(all))
        {
            if (member is FieldInfo field)
            {
                found.Add(field.FieldType);
            }
            else if (member is MethodBase method)
            {
                found.AddRange(method.GetParameters().Select(p => p.ParameterType));
                found.Add((method as MethodInfo)?.ReturnType);
                found.AddRange(method.GetMethodBody()?.LocalVariables.Select(v => v.LocalType) ?? []);
            }
        }

        return found.OfType<Type>().SelectMany(Parts).Distinct();
    }

    private static IEnumerable<Type> Parts(Type type) => type.HasElementType ? Parts(type.GetElementType()!)
        : type.IsGenericParameter ? [] : type.GetGenericArguments().SelectMany(Parts).Append(type);

    private static IEnumerable<(string Room, string File, string Code)> Sources()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "RlNotebooks.sln")))
        {
            root = root.Parent;
        }

        Assert.NotNull(root);
        var library = Path.Combine(root.FullName, "src", "RlPrimitives");
        foreach (var folder in Directory.GetDirectories(library).Where(f => Path.GetFileName(f) is not ("bin" or "obj")))
        {
            foreach (var file in Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories))
            {
                yield return (Path.GetFileName(folder), Path.GetFileName(file), File.ReadAllText(file));
            }
        }
    }

    [GeneratedRegex(@"\bRlPrimitives\.(Models|Inference|Environments|Rollouts|Rewards|Backprop|Algorithms|Tracking)\b")]
    private static partial Regex RoomName();
}
