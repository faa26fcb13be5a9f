r"""A picture of a simple character that wears the motion of a BVH file, drawn by Blender.

    python run_ftcm.py --predict dataset/baseball_coco17.npz --layout coco17 --width 1920 --height 1080 \
        --level motion --output poses
    python -m venv blender; blender/bin/pip install bpy            # Blender as a package, for its own Python
    blender/bin/python -m experiments.rigged poses/motion.bvh checkpoint/results/rigged.png \
        60 100 118 124 130 150

The character has its own proportions and rest pose. Every bone takes over by how much the bone of its name
has turned since the rest pose, as animation programs do it. Blender's axes: x right, y away, z up; metres.
"""
import math
import sys
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

# Bone: the bone that carries it, where it starts and ends in the character's T pose, its thickness.
TRUNK = {"Hips": (None, (0, 0, .98), (0, 0, 1.08), .11), "Spine": ("Hips", (0, 0, 1.08), (0, 0, 1.20), .11),
         "Spine1": ("Spine", (0, 0, 1.20), (0, 0, 1.32), .12),
         "Spine2": ("Spine1", (0, 0, 1.32), (0, 0, 1.47), .12),
         "Neck": ("Spine2", (0, 0, 1.50), (0, -.01, 1.59), .05),
         "Head": ("Neck", (0, -.01, 1.62), (0, -.02, 1.72), .09)}
LEFT = {"Shoulder": ("Spine2", (.05, 0, 1.46), (.17, 0, 1.46), .05),
        "Arm": ("Shoulder", (.19, 0, 1.46), (.46, 0, 1.46), .045),
        "ForeArm": ("Arm", (.46, 0, 1.46), (.71, 0, 1.46), .038),
        "Hand": ("ForeArm", (.71, 0, 1.46), (.82, 0, 1.46), .035),
        "UpLeg": ("Hips", (.10, 0, .94), (.10, 0, .52), .075),
        "Leg": ("UpLeg", (.10, 0, .52), (.10, 0, .09), .055),
        "Foot": ("Leg", (.10, 0, .09), (.10, -.13, .04), .04),
        "ToeBase": ("Foot", (.10, -.13, .04), (.10, -.19, .04), .04)}
RINGS, ROUND = 15, 24   # of a capsule's mesh
STEP = 1.25             # metres between two instants in the picture


def character_bones() -> dict[str, tuple]:
    """{name: (parent, head, tail, radius)}; left and right are mirror images."""
    bones = dict(TRUNK)
    for side, sign in (("Left", 1), ("Right", -1)):
        for name, (parent, head, tail, radius) in LEFT.items():
            ends = [(sign * x, y, z) for x, y, z in (head, tail)]
            bones[side + name] = (parent if parent in TRUNK else side + parent, *ends, radius)
    return bones


def new_character(material) -> "bpy.types.Object":
    """An armature in T pose with a capsule bound to every bone."""
    armature = bpy.data.objects.new("character", bpy.data.armatures.new("character"))
    bpy.context.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (parent, head, tail, _) in character_bones().items():
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
        bone.parent = armature.data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    for name, (_, head, tail, radius) in character_bones().items():
        skin = bpy.data.objects.new(name, capsule(Vector(head), Vector(tail), radius))
        skin.data.materials.append(material)
        skin.vertex_groups.new(name=name).add(range(len(skin.data.vertices)), 1, "REPLACE")
        skin.modifiers.new("bound", "ARMATURE").object = armature
        skin.parent = armature
        bpy.context.collection.objects.link(skin)
    return armature


def capsule(head: Vector, tail: Vector, radius: float) -> "bpy.types.Mesh":
    """A cylinder with round ends between two points."""
    along, vertices = (tail - head).to_track_quat("Z", "Y"), []
    for ring in range(RINGS + 1):
        angle = math.pi * ring / RINGS
        height = -radius * math.cos(angle) + ((tail - head).length if 2 * ring > RINGS else 0)
        for turn in range(ROUND):
            about = 2 * math.pi * turn / ROUND
            vertices.append(head + along @ Vector((radius * math.sin(angle) * math.cos(about),
                                                   radius * math.sin(angle) * math.sin(about), height)))
    faces = [(ring * ROUND + turn, ring * ROUND + (turn + 1) % ROUND, (ring + 1) * ROUND + (turn + 1) % ROUND,
              (ring + 1) * ROUND + turn) for ring in range(RINGS) for turn in range(ROUND)]
    mesh = bpy.data.meshes.new("capsule")
    mesh.from_pydata(vertices, [], faces)
    mesh.shade_smooth()
    return mesh


def wear(character, source, frame: int, place: float) -> None:
    """Put the character into the pose of `source` at `frame`, its hips at x = `place`."""
    bpy.context.scene.frame_set(frame)
    turns = {bone.name: bone.matrix.to_3x3() @ bone.bone.matrix_local.to_3x3().inverted()
             for bone in source.pose.bones}
    for bone in character.pose.bones:
        rest = bone.bone.matrix_local.to_3x3()
        above = turns[bone.parent.name] if bone.parent else Matrix.Identity(3)
        bone.matrix_basis = (rest.inverted() @ above.inverted() @ turns[bone.name] @ rest).to_4x4()
    hips, rest = character.pose.bones["Hips"], character.data.bones["Hips"]
    standing = (source.data.bones["Hips"].head_local - source.data.bones["LeftToeBase"].tail_local).z
    rise = rest.head_local.z * (source.pose.bones["Hips"].head.z / standing - 1)
    move = rest.matrix_local.to_3x3().inverted() @ Vector((place, 0, rise))
    hips.matrix_basis = Matrix.Translation(move) @ hips.matrix_basis


def render(path: Path, count: int) -> None:
    """Draw the scene from the side of the camera that saw the motion."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", STEP * count
    camera.location, camera.rotation_euler = (0, -10, 2.2), (math.radians(83), 0, 0)
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.data.angle, sun.rotation_euler = 3, 0.2, (math.radians(50), math.radians(-20), 0)
    for thing in (camera, sun):
        bpy.context.collection.objects.link(thing)
    bpy.ops.mesh.primitive_plane_add(size=100)
    bpy.context.object.data.materials.append(colour("floor", (0.8, 0.8, 0.8, 1)))
    scene.world = bpy.data.worlds.new("world")
    scene.world.color = (0.6, 0.6, 0.65)
    scene.camera, scene.render.engine, scene.cycles.samples = camera, "CYCLES", 32
    scene.cycles.use_denoising = True
    scene.render.resolution_x, scene.render.resolution_y, scene.render.dither_intensity = 160 * count, 290, 0
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
    scene.render.image_settings.compression, scene.render.filepath = 100, str(path.resolve())
    scene.view_settings.view_transform = "Standard"
    bpy.ops.render.render(write_still=True)


def colour(name: str, rgba: tuple) -> "bpy.types.Material":
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = rgba
    return material


def main(source: str, picture: str, *frames: str) -> None:
    """Draw the character at the given frames, counted from 0, from left to right."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_anim.bvh(filepath=source, global_scale=0.01, rotate_mode="NATIVE")
    motion, material = bpy.context.object, colour("body", (0.1, 0.3, 0.6, 1))
    motion.hide_render = True
    for number, frame in enumerate(map(int, frames)):
        wear(new_character(material), motion, frame + 1, STEP * (number - (len(frames) - 1) / 2))
    render(Path(picture), len(frames))


if __name__ == "__main__":
    main(*sys.argv[1:])
